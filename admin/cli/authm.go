package cli

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

func (p *program) authmCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "authm",
		Short: "Stored credentials: auth methods, their service types, and bindings",
		Long: `
An auth method is the credential for one host of a service type. A service type
groups hosts that take one kind of credential. A binding says which identity is
whom at a host, for services that hand out a token per identity.

What the Caddyfile declares is shown, and cannot be changed here.`,
		Example: `  authgate admin authm list
  authgate admin authm set reports api.internal:9000 --access-key-file key
  authgate admin authm delete reports api.internal`,
	}
	c := connectionFlags(cmd)
	return p.group(cmd,
		p.authmList(c), p.authmGet(c), p.authmSet(c), p.authmDelete(c), p.typesCommand(c), p.bindingsCommand(c))
}

// methodView is an auth method as -o json shows it.
type methodView struct {
	ServiceType    string            `json:"service_type"`
	ServiceUUID    string            `json:"service_uuid"`
	Host           string            `json:"host"`
	Port           int               `json:"port"`
	Type           string            `json:"type"`
	UUID           string            `json:"uuid"`
	CreatedOn      string            `json:"created_on"`
	UpdatedOn      string            `json:"updated_on,omitempty"`
	Path           string            `json:"path,omitempty"`
	RetrievalField string            `json:"retrieval_field,omitempty"`
	Origin         string            `json:"origin,omitempty"`
	Revision       string            `json:"revision,omitempty"`
	Fingerprints   map[string]string `json:"fingerprints"`         // by header name, or "access_key"
	AccessKey      string            `json:"access_key,omitempty"` // with --show-secrets only, and so Headers
	Headers        map[string]string `json:"headers,omitempty"`
}

func viewMethod(m *method, serviceType string, secrets bool) methodView {
	v := methodView{
		ServiceType: serviceType, ServiceUUID: m.ServiceUUID, Host: m.Host, Port: m.Port, Type: m.Type, UUID: m.UUID,
		CreatedOn: m.CreatedOn, UpdatedOn: m.UpdatedOn, Path: m.Path, RetrievalField: m.RetrievalField,
		Origin: m.Origin, Revision: m.Revision, Fingerprints: fingerprints(m),
	}
	if secrets {
		v.AccessKey, v.Headers = m.AccessKey.Reveal(), reveal(m.Headers)
	}
	return v
}

func fingerprints(m *method) map[string]string {
	prints := map[string]string{}
	if !m.AccessKey.Empty() {
		prints["access_key"] = fingerprint(m.AccessKey)
	}
	for name, value := range m.Headers {
		prints[name] = fingerprint(value)
	}
	return prints
}

// credential is what tables show of a method's secrets.
func credential(m *method) string {
	if len(m.Headers) == 0 {
		return fingerprint(m.AccessKey)
	}
	parts := make([]string, 0, len(m.Headers))
	for _, name := range slices.Sorted(maps.Keys(m.Headers)) {
		parts = append(parts, name+"="+fingerprint(m.Headers[name]))
	}
	return strings.Join(parts, ",")
}

func showSecretsFlag(cmd *cobra.Command) *bool {
	return cmd.Flags().Bool("show-secrets", false, "with -o json: print the secrets themselves")
}

func checkShowSecrets(show bool, f format) error {
	if show && f != asJSON {
		return usagef("--show-secrets needs -o json: tables never show secrets")
	}
	return nil
}

func (p *program) authmList(c *connection) *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "Lists the auth methods"}
	output, show := outputFlag(cmd), showSecretsFlag(cmd)
	only := cmd.Flags().String("service-type", "", "only those of this service type")
	return p.leaf(cmd, func(ctx context.Context, cmd *cobra.Command, _ []string) error {
		if err := checkShowSecrets(*show, *output); err != nil {
			return err
		}
		a, err := p.open(c, p.secrets(cmd))
		if err != nil {
			return err
		}
		types, unreadTypes, err := a.serviceTypes(ctx)
		if err != nil {
			return err
		}
		methods, unread, err := a.methods(ctx)
		if err != nil {
			return err
		}
		unreadable{types: unreadTypes, methods: unread}.note(cmd)
		names := namesOf(types)
		slices.SortFunc(methods, func(a, b *method) int {
			return cmp.Or(strings.Compare(names[a.ServiceUUID], names[b.ServiceUUID]), strings.Compare(a.Host, b.Host))
		})
		views := struct {
			AuthMethods []methodView `json:"auth_methods"`
		}{[]methodView{}}
		var rows [][]string
		for _, m := range methods {
			name := names[m.ServiceUUID]
			if *only != "" && name != *only {
				continue
			}
			views.AuthMethods = append(views.AuthMethods, viewMethod(m, name, *show))
			rows = append(rows, []string{name, m.Host, strconv.Itoa(m.Port), m.Type, credential(m), m.UpdatedOn, m.Origin})
		}
		if *output == asJSON {
			return writeJSON(cmd.OutOrStdout(), views)
		}
		return p.list(cmd, "auth methods", []string{"SERVICE TYPE", "HOST", "PORT", "KIND", "CREDENTIAL", "UPDATED", "ORIGIN"}, rows)
	})
}

// list writes a table, or tells people that there is nothing to show.
func (p *program) list(cmd *cobra.Command, what string, header []string, rows [][]string) error {
	if len(rows) == 0 {
		_, err := fmt.Fprintf(cmd.ErrOrStderr(), "No %s found.\n", what)
		return err
	}
	return writeTable(cmd.OutOrStdout(), header, rows)
}

// hostOnly refuses host:port where a host is meant: there is one auth method per host.
func hostOnly(host string) error {
	if h, port, ok := strings.Cut(host, ":"); ok && h != "" && !strings.Contains(port, ":") {
		return usagef("%s: give the host without the port; a host has one auth method", host)
	}
	return nil
}

func (p *program) authmGet(c *connection) *cobra.Command {
	cmd := &cobra.Command{Use: "get <service-type> <host>", Short: "Shows one auth method and its revision"}
	output, show := outputFlag(cmd), showSecretsFlag(cmd)
	return p.leaf(cmd, func(ctx context.Context, cmd *cobra.Command, args []string) error {
		if err := checkShowSecrets(*show, *output); err != nil {
			return err
		}
		if err := hostOnly(args[1]); err != nil {
			return err
		}
		a, err := p.open(c, p.secrets(cmd))
		if err != nil {
			return err
		}
		m, err := a.doMethod(ctx, request{method: http.MethodGet, path: pathMethod(args[0], args[1])})
		if err != nil {
			return err
		}
		if *output == asJSON {
			return writeJSON(cmd.OutOrStdout(), viewMethod(m, args[0], *show))
		}
		return writePairs(cmd.OutOrStdout(), [][2]string{
			{"Service type", args[0]}, {"Host", m.Host}, {"Port", strconv.Itoa(m.Port)}, {"Kind", m.Type},
			{"Credential", credential(m)}, {"Path", m.Path}, {"Retrieval field", m.RetrievalField}, {"UUID", m.UUID},
			{"Created", m.CreatedOn}, {"Updated", m.UpdatedOn}, {"Origin", m.Origin}, {"Revision", m.Revision},
		})
	})
}

func (p *program) authmDelete(c *connection) *cobra.Command {
	cmd := &cobra.Command{
		Use: "delete <service-type> <host>", Short: "Deletes one auth method",
		Long: "\nDeletes the auth method of a host. Requests to that host are refused from then on,\nas long as the service type lists it.\n" + confirmHelp,
	}
	yes, match := yesFlag(cmd), matchFlag(cmd)
	return p.leaf(cmd, func(ctx context.Context, cmd *cobra.Command, args []string) error {
		if err := hostOnly(args[1]); err != nil {
			return err
		}
		a, err := p.open(c, p.secrets(cmd))
		if err != nil {
			return err
		}
		if err := p.confirm(cmd, *yes, "Delete the auth method of %s in service type %s?", args[1], args[0]); err != nil {
			return err
		}
		if _, err := a.do(ctx, request{method: http.MethodDelete, path: pathMethod(args[0], args[1]), match: *match}, nil); err != nil {
			return err
		}
		return p.report(cmd, "auth method %s/%s deleted", args[0], args[1])
	})
}

// report tells people what was done. Texts from outside are arguments.
func (p *program) report(cmd *cobra.Command, text string, args ...any) error {
	_, err := fmt.Fprintln(cmd.OutOrStdout(), clean(fmt.Sprintf(text, args...)))
	return err
}
