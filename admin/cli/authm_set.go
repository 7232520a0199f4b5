package cli

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/authgate/authgate/internal/secret"
)

const kindAPIKey, kindHeaders = "api-key", "headers"

// methodFlags are the flags of `authm set`.
type methodFlags struct {
	keyFile        string
	headers        []string
	path, field    string
	match          string
	changedPath    bool
	changedField   bool
	secretsGivenBy string // the flag, or empty
}

func (p *program) authmSet(c *connection) *cobra.Command {
	cmd := &cobra.Command{
		Use: "set <service-type> <host>:<port>", Short: "Stores the credential of a host, or replaces it",
		Long: `
Stores the credential of a host, or replaces the stored one. Which flag it takes
is up to the service type: --access-key-file for api-key, --header for headers.
The headers given are all the headers there will be.

A file holds the secret alone; one line end behind it does not count. With -
the secret comes from stdin, and on a terminal it is typed without being shown.
To change only the port, --path or --retrieval-field of what is stored, leave
the secret out. The next request carries the new credential.`,
		Example: `  vault kv get -field=key reports | authgate admin authm set reports api.internal:9000 --access-key-file -
  authgate admin authm set billing pay.internal:443 --header X-Api-Token=token.txt --header X-Api-User=user.txt`,
	}
	var fl methodFlags
	f := cmd.Flags()
	f.StringVar(&fl.keyFile, "access-key-file", "", "file with the access key, - for stdin")
	f.StringArrayVar(&fl.headers, "header", nil, "NAME=FILE: a header and the file with its value, - for stdin; repeatable")
	f.StringVar(&fl.path, "path", "", "path template of this host; empty for the service type's")
	f.StringVar(&fl.field, "retrieval-field", "", "field of this host's answers that holds the token; empty for the service type's")
	match := matchFlag(cmd)
	return p.leaf(cmd, func(ctx context.Context, cmd *cobra.Command, args []string) error {
		fl.match, fl.changedPath, fl.changedField = *match, f.Changed("path"), f.Changed("retrieval-field")
		return p.setMethod(ctx, cmd, c, args[0], args[1], fl)
	})
}

func (p *program) setMethod(ctx context.Context, cmd *cobra.Command, c *connection, service, address string, fl methodFlags) error {
	host, port, err := splitAddress(address)
	if err != nil {
		return err
	}
	wanted := &method{Port: port, Path: fl.path, RetrievalField: fl.field}
	secrets := p.secrets(cmd)
	if err := fl.readSecrets(secrets, wanted); err != nil {
		return err
	}
	a, err := p.open(c, secrets)
	if err != nil {
		return err
	}
	st, err := a.doType(ctx, request{method: http.MethodGet, path: pathType(service)})
	if err != nil {
		return err
	}
	if err := fl.fits(st); err != nil {
		return err
	}
	wanted.Host, wanted.Type = spelledAs(host, st.Hosts), st.AuthMethod
	stored, err := a.doMethod(ctx, request{method: http.MethodGet, path: pathMethod(service, wanted.Host)})
	switch {
	case isStatus(err, http.StatusNotFound) && fl.match == "":
		return p.createMethod(ctx, cmd, a, service, wanted, fl)
	case err != nil:
		return err
	}
	return p.updateMethod(ctx, cmd, a, service, stored, wanted, fl)
}

// readSecrets fills m with the secrets that the flags name.
func (fl *methodFlags) readSecrets(secrets *secretReader, m *method) error {
	if fl.keyFile != "" && len(fl.headers) > 0 {
		return usagef("--access-key-file and --header exclude each other")
	}
	if fl.keyFile != "" {
		key, err := secrets.read("the access key", fl.keyFile)
		m.AccessKey, fl.secretsGivenBy = key, "--access-key-file"
		return err
	}
	for _, text := range fl.headers {
		name, file, ok := strings.Cut(text, "=")
		if !ok || name == "" || file == "" {
			return usagef("--header takes NAME=FILE, a header's name and the file with its value")
		}
		value, err := secrets.read("the header "+name, file)
		if err != nil {
			return err
		}
		if m.Headers == nil {
			m.Headers = map[string]secret.String{}
		}
		if _, twice := m.Headers[name]; twice {
			return usagef("--header %s is given twice", name)
		}
		m.Headers[name], fl.secretsGivenBy = value, "--header"
	}
	return nil
}

// fits reports whether the secrets given are of the service type's kind.
func (fl *methodFlags) fits(st *serviceType) error {
	need := map[string]string{kindAPIKey: "--access-key-file", kindHeaders: "--header"}[st.AuthMethod]
	if fl.secretsGivenBy != "" && need != "" && fl.secretsGivenBy != need {
		return usagef("service type %s keeps credentials of kind %s: use %s", st.Name, st.AuthMethod, need)
	}
	return nil
}

func (p *program) createMethod(ctx context.Context, cmd *cobra.Command, a *api, service string, m *method, fl methodFlags) error {
	if fl.secretsGivenBy == "" {
		return usagef("nothing is stored for %s in service type %s yet: give the credential with --access-key-file or --header", m.Host, service)
	}
	_, err := a.doMethod(ctx, request{method: http.MethodPost, path: pathType(service) + "/authm", body: bodyOf(m, true)})
	if err != nil {
		return err
	}
	return p.report(cmd, "auth method %s/%s created", service, m.Host)
}

// updateMethod writes only if something differs, so that repeating a command changes nothing; only what the
// flags ask for, and only to the method it looked at, so that nobody's change at the same time is lost.
func (p *program) updateMethod(ctx context.Context, cmd *cobra.Command, a *api, service string, stored, wanted *method, fl methodFlags) error {
	if !fl.changedPath {
		wanted.Path = stored.Path
	}
	if !fl.changedField {
		wanted.RetrievalField = stored.RetrievalField
	}
	withSecrets := fl.secretsGivenBy != ""
	if stored.Origin == "" && fl.match == "" && sameMethod(stored, wanted, withSecrets) {
		return p.report(cmd, "auth method %s/%s unchanged", service, wanted.Host)
	}
	body := bodyOf(wanted, withSecrets)
	delete(body, "host") // the path has it
	if !fl.changedPath {
		delete(body, "path")
	}
	if !fl.changedField {
		delete(body, "retrieval_field")
	}
	_, err := a.doMethod(ctx, request{
		method: http.MethodPut, path: pathMethod(service, stored.Host), match: cmp.Or(fl.match, stored.Revision), body: body,
	})
	if fl.match == "" && isStatus(err, http.StatusPreconditionFailed) {
		return hinted(err, "somebody changed it at the same moment; look at it, and repeat the command")
	}
	if err != nil {
		return err
	}
	return p.report(cmd, "auth method %s/%s updated", service, wanted.Host)
}

// bodyOf is a method as the API takes it. What is empty there is said, so that it replaces what is stored.
func bodyOf(m *method, withSecrets bool) map[string]any {
	body := map[string]any{"host": m.Host, "port": m.Port, "path": m.Path, "retrieval_field": m.RetrievalField}
	switch {
	case !withSecrets:
	case m.Headers != nil:
		body["headers"] = reveal(m.Headers)
	default:
		body["access_key"] = m.AccessKey.Reveal()
	}
	return body
}

// sameMethod reports whether a write of wanted would change what is stored. A secret that the server hides
// is never the same: nobody can tell.
func sameMethod(stored, wanted *method, withSecrets bool) bool {
	same := stored.Host == wanted.Host && stored.Port == wanted.Port && stored.Path == wanted.Path &&
		stored.RetrievalField == wanted.RetrievalField
	if !same || !withSecrets {
		return same
	}
	return !stored.hidden() && stored.AccessKey.Equal(wanted.AccessKey) &&
		maps.EqualFunc(stored.Headers, wanted.Headers, secret.String.Equal)
}

// splitAddress reads host:port; an IPv6 address is in brackets.
func splitAddress(address string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(address)
	if err == nil {
		port, err = strconv.Atoi(text)
	}
	if err != nil || host == "" || port < 1 || port > 65535 {
		return "", 0, usagef("%s is not <host>:<port>", address)
	}
	return host, port, nil
}

// spelledAs returns the spelling of a host that the service type lists: an IPv6 address may be in brackets
// there. The API compares byte for byte.
func spelledAs(host string, listed []string) string {
	if bracketed := fmt.Sprintf("[%s]", host); !slices.Contains(listed, host) && slices.Contains(listed, bracketed) {
		return bracketed
	}
	return host
}
