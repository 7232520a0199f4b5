package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/authgate/authgate/store/seal"
)

func (p *program) exportCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "export", Short: "Writes all service types, auth methods and bindings to a file",
		Long: `
Writes all stored service types, auth methods and bindings as one document, for
backup, review, or another gateway. What the Caddyfile declares is left out, as it
is in the Caddyfile; it is named on stderr. If the gateway cannot read some of
what it stores, there is no export, unless --skip-unreadable leaves that out.

Say what becomes of the secrets: --redact leaves them out, --encrypt-key-file
encrypts the whole document. There is no export in clear. A key is made with
'openssl rand -base64 32', and 'authgate admin import' needs the same one.

Equal states give equal documents, byte for byte (an encrypted one differs each
time), so redacted exports can be compared and kept under version control.`,
		Example: `  authgate admin export --redact
  authgate admin export --encrypt-key-file backup.key -f gate.json`,
	}
	c := connectionFlags(cmd)
	f := cmd.Flags()
	redact := f.Bool("redact", false, "leave the secrets out")
	keyFile := f.String("encrypt-key-file", "", "encrypt with the key in this file, - for stdin")
	file := f.StringP("file", "f", "", "write to this new file, mode 0600; - is stdout, as without it")
	force := f.Bool("force", false, "replace an existing file")
	skip := f.Bool("skip-unreadable", false, "go on without what the gateway cannot read")
	return p.leaf(cmd, func(ctx context.Context, cmd *cobra.Command, _ []string) error {
		if *redact == (*keyFile != "") {
			return usagef("give either --redact, which leaves the secrets out, or --encrypt-key-file, which encrypts them: an export in clear would be a file full of passwords")
		}
		if *file == "-" {
			*file = ""
		}
		secrets := p.secrets(cmd)
		var key seal.Key
		if !*redact {
			var err error
			if key, err = secrets.sealKey("the export's key", *keyFile); err != nil {
				return err
			}
		}
		if *file != "" && !*force {
			if err := mustNotExist(*file); err != nil {
				return err
			}
		}
		a, err := p.open(c, secrets)
		if err != nil {
			return err
		}
		state, err := a.state(ctx)
		if err != nil {
			return err
		}
		if state.unread.any() {
			if !*skip {
				return hinted(fmt.Errorf("the gateway cannot read %s, so the export would not be whole", state.unread),
					"its log names what it cannot read; --skip-unreadable exports the rest")
			}
			_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "skipped %s: the gateway cannot read that\n", state.unread)
		}
		doc, err := state.document(*redact, func(o object, why string) {
			_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "skipped %s: %s\n", clean(o.String()), why)
		})
		if err != nil {
			return err
		}
		data, err := doc.encode()
		if err == nil && !*redact {
			data, err = sealDocument(data, key)
		}
		if err != nil {
			return err
		}
		return writeExport(cmd.OutOrStdout(), data, *file, *force)
	})
}

func writeExport(stdout io.Writer, data []byte, file string, force bool) error {
	if file != "" {
		return writeFile(file, data, force, os.Link)
	}
	_, err := stdout.Write(data)
	return err
}

// sealKey reads an encryption key; for "-" from stdin.
func (s *secretReader) sealKey(name, file string) (seal.Key, error) {
	if file != "-" {
		return seal.ReadKeyFile(file)
	}
	text, err := s.read(name, file)
	if err != nil {
		return seal.Key{}, err
	}
	key, err := seal.ParseKey(text.Reveal())
	if err != nil {
		return seal.Key{}, hinted(fmt.Errorf("reading %s: %w", name, err), "make a key with 'openssl rand -base64 32'")
	}
	return key, nil
}

// state is everything the auth-method API holds.
type state struct {
	types    []serviceType
	methods  []*method
	bindings []binding
	unread   unreadable
}

func (a *api) state(ctx context.Context) (*state, error) {
	s := new(state)
	var err error
	if s.types, s.unread.types, err = a.serviceTypes(ctx); err != nil {
		return nil, err
	}
	if s.methods, s.unread.methods, err = a.methods(ctx); err != nil {
		return nil, err
	}
	if s.bindings, s.unread.bindings, err = a.bindings(ctx, pathBindings, nil); err != nil {
		return nil, err
	}
	return s, nil
}

// The reasons to leave an object out of an export.
const (
	whyDeclared = "declared in the Caddyfile"
	whyOrphan   = "its service type is gone, or cannot be read"
	whyHost     = "its service type does not list the host, so it is out of use"
	whyKind     = "it is of another kind than its service type's credentials, so it is out of use"
)

// document makes the export. It calls skip for what it leaves out. It fails if secrets are wanted that the
// server hides.
func (s *state) document(redact bool, skip func(o object, why string)) (*document, error) {
	d := &document{Format: formatPlain, Secrets: secretsIncluded, ServiceTypes: []docType{}, AuthMethods: []docMethod{}, Bindings: []docBinding{}}
	if redact {
		d.Secrets = secretsRedacted
	}
	types := make(map[string]*serviceType, len(s.types))
	for i := range s.types {
		st := &s.types[i]
		types[st.UUID] = st
		if st.Origin != "" {
			skip(object{kindType, st.Name, ""}, whyDeclared)
			continue
		}
		d.ServiceTypes = append(d.ServiceTypes, docType{st.Name, notNil(st.Hosts), notNil(st.AuthTypes), st.AuthMethod, st.Type})
	}
	for _, m := range s.methods {
		st := types[m.ServiceUUID]
		if why := outOfUse(m, st); why != "" {
			skip(object{kindMethod, nameOf(st, m.ServiceUUID), m.Host}, why)
			continue
		}
		if !redact && m.hidden() {
			return nil, hinted(errors.New("this gateway hides the secrets in its answers (redact_secrets), so they cannot be exported"),
				"use --redact, or export from a gateway without redact_secrets on the same store")
		}
		out := docMethod{ServiceType: st.Name, Host: m.Host, Port: m.Port, Type: m.Type, Path: m.Path, RetrievalField: m.RetrievalField}
		if !redact {
			out.AccessKey, out.Headers = m.AccessKey.Reveal(), reveal(m.Headers)
		}
		d.AuthMethods = append(d.AuthMethods, out)
	}
	for _, b := range s.bindings {
		st := types[b.ServiceUUID]
		if why := boundTo(&b, st); why != "" {
			skip(object{kindBinding, b.Name, ""}, why)
			continue
		}
		d.Bindings = append(d.Bindings, docBinding{b.Name, st.Name, b.Host, b.AuthType, b.AuthIdentifier, b.UniqueKey})
	}
	return d, nil
}

func outOfUse(m *method, st *serviceType) string {
	switch {
	case m.Origin != "":
		return whyDeclared
	case st == nil:
		return whyOrphan
	case !slices.Contains(st.Hosts, m.Host):
		return whyHost
	case m.Type != st.AuthMethod:
		return whyKind
	}
	return ""
}

func boundTo(b *binding, st *serviceType) string {
	switch {
	case b.Origin != "":
		return whyDeclared
	case st == nil:
		return whyOrphan
	case !slices.Contains(st.Hosts, b.Host):
		return whyHost
	}
	return ""
}

func nameOf(st *serviceType, uuid string) string {
	if st == nil {
		return uuid
	}
	return st.Name
}

func notNil(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
