package cli

import (
	"context"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"
)

func (p *program) bindingsCommand(c *connection) *cobra.Command {
	return p.group(&cobra.Command{Use: "bindings", Short: "Bindings: which identity is whom at a host"},
		p.bindingsList(c), p.bindingsGet(c), p.bindingsCreate(c), p.bindingsUpdate(c), p.bindingsDelete(c))
}

func (p *program) bindingsList(c *connection) *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "Lists the bindings"}
	output := outputFlag(cmd)
	f := cmd.Flags()
	service := f.String("service-type", "", "only those of this service type; needs --host")
	host := f.String("host", "", "only those of this host; needs --service-type")
	identifier := f.String("auth-identifier", "", "only the x509 one of this subject; needs --host")
	return p.leaf(cmd, func(ctx context.Context, cmd *cobra.Command, _ []string) error {
		path, query, err := bindingsPath(*service, *host, *identifier)
		if err != nil {
			return err
		}
		a, err := p.open(c, p.secrets(cmd))
		if err != nil {
			return err
		}
		bindings, unread, err := a.bindings(ctx, path, query)
		if err != nil {
			return err
		}
		unreadable{bindings: unread}.note(cmd)
		if *output == asJSON {
			return writeJSON(cmd.OutOrStdout(), map[string]any{"bindings": append([]binding{}, bindings...)})
		}
		types, _, err := a.serviceTypes(ctx) // for their names
		if err != nil {
			return err
		}
		names := namesOf(types)
		rows := make([][]string, 0, len(bindings))
		for _, b := range bindings {
			rows = append(rows, []string{b.Name, names[b.ServiceUUID], b.Host, b.AuthType, b.AuthIdentifier, b.UniqueKey})
		}
		return p.list(cmd, "bindings", []string{"NAME", "SERVICE TYPE", "HOST", "AUTH TYPE", "AUTH IDENTIFIER", "UNIQUE KEY"}, rows)
	})
}

func bindingsPath(service, host, identifier string) (path string, query url.Values, err error) {
	switch {
	case (service == "") != (host == ""):
		return "", nil, usagef("--service-type and --host go together")
	case host == "" && identifier != "":
		return "", nil, usagef("--auth-identifier needs --service-type and --host")
	case host == "":
		return pathBindings, nil, nil
	case identifier != "":
		query = url.Values{"authID": {identifier}}
	}
	return pathType(service) + "/hosts" + segments(host) + "/bindings", query, nil
}

func (p *program) bindingsGet(c *connection) *cobra.Command {
	cmd := &cobra.Command{Use: "get <name>", Short: "Shows one binding and its revision"}
	output := outputFlag(cmd)
	return p.leaf(cmd, func(ctx context.Context, cmd *cobra.Command, args []string) error {
		a, err := p.open(c, p.secrets(cmd))
		if err != nil {
			return err
		}
		b, err := a.doBinding(ctx, request{method: http.MethodGet, path: pathBinding(args[0])})
		if err != nil {
			return err
		}
		if *output == asJSON {
			return writeJSON(cmd.OutOrStdout(), b)
		}
		types, _, err := a.serviceTypes(ctx) // for their names
		if err != nil {
			return err
		}
		return writePairs(cmd.OutOrStdout(), [][2]string{
			{"Name", b.Name}, {"Service type", namesOf(types)[b.ServiceUUID]}, {"Host", b.Host}, {"Auth type", b.AuthType},
			{"Auth identifier", b.AuthIdentifier}, {"Unique key", b.UniqueKey}, {"UUID", b.UUID}, {"Created", b.CreatedOn},
			{"Updated", b.UpdatedOn}, {"Last auth", b.LastAuth}, {"Origin", b.Origin}, {"Revision", b.Revision},
		})
	})
}

func bindingFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.String("service-type", "", "name of the service type")
	f.String("host", "", "one of the service type's hosts")
	f.String("auth-type", "", "how the identity authenticates: x509, oidc")
	f.String("auth-identifier", "", "the identity: an x509 subject as in 'CN=robot,O=Acme,C=GR'")
	f.String("unique-key", "", "who that is at the host; goes into the path as {{identifier}}")
}

// bindingBody makes a body of the flags; the service type's name becomes its UUID.
func bindingBody(ctx context.Context, cmd *cobra.Command, a *api) (map[string]any, error) {
	body := given(cmd, map[string]string{
		"rename": "name", "service-type": "service_uuid", "host": "host", "auth-type": "auth_type",
		"auth-identifier": "auth_identifier", "unique-key": "unique_key",
	})
	if name, ok := body["service_uuid"].(string); ok {
		st, err := a.doType(ctx, request{method: http.MethodGet, path: pathType(name)})
		if err != nil {
			return nil, err
		}
		body["service_uuid"] = st.UUID
	}
	return body, nil
}

func (p *program) bindingsCreate(c *connection) *cobra.Command {
	cmd := &cobra.Command{
		Use: "create <name>", Short: "Makes a binding",
		Example: `  authgate admin authm bindings create robot-1 --service-type ams --host ams.internal \
      --auth-type x509 --auth-identifier 'CN=robot-1,O=Acme,C=GR' --unique-key 7f1c`,
	}
	bindingFlags(cmd)
	return p.leaf(cmd, func(ctx context.Context, cmd *cobra.Command, args []string) error {
		for _, need := range []string{"service-type", "host", "auth-type", "auth-identifier", "unique-key"} {
			if cmd.Flags().Lookup(need).Value.String() == "" {
				return usagef("--%s is required", need)
			}
		}
		a, err := p.open(c, p.secrets(cmd))
		if err != nil {
			return err
		}
		body, err := bindingBody(ctx, cmd, a)
		if err != nil {
			return err
		}
		if _, err := a.doBinding(ctx, request{method: http.MethodPost, path: pathBinding(args[0]), body: body}); err != nil {
			return err
		}
		return p.report(cmd, "binding %s created", args[0])
	})
}

func (p *program) bindingsUpdate(c *connection) *cobra.Command {
	cmd := &cobra.Command{
		Use: "update <name>", Short: "Changes a binding",
		Long: "\nChanges what the flags name and leaves the rest.",
	}
	bindingFlags(cmd)
	cmd.Flags().String("rename", "", "the new name")
	match := matchFlag(cmd)
	return p.leaf(cmd, func(ctx context.Context, cmd *cobra.Command, args []string) error {
		a, err := p.open(c, p.secrets(cmd))
		if err != nil {
			return err
		}
		body, err := bindingBody(ctx, cmd, a)
		if err != nil {
			return err
		}
		if len(body) == 0 {
			return usagef("nothing to change: name it with flags")
		}
		if _, err := a.doBinding(ctx, request{method: http.MethodPut, path: pathBinding(args[0]), match: *match, body: body}); err != nil {
			return err
		}
		return p.report(cmd, "binding %s updated", args[0])
	})
}

func (p *program) bindingsDelete(c *connection) *cobra.Command {
	cmd := &cobra.Command{Use: "delete <name>", Short: "Deletes one binding", Long: "\nDeletes a binding. The identity is nobody at the host from then on.\n" + confirmHelp}
	yes, match := yesFlag(cmd), matchFlag(cmd)
	return p.leaf(cmd, func(ctx context.Context, cmd *cobra.Command, args []string) error {
		a, err := p.open(c, p.secrets(cmd))
		if err != nil {
			return err
		}
		if err := p.confirm(cmd, *yes, "Delete the binding %s?", args[0]); err != nil {
			return err
		}
		if _, err := a.do(ctx, request{method: http.MethodDelete, path: pathBinding(args[0]), match: *match}, nil); err != nil {
			return err
		}
		return p.report(cmd, "binding %s deleted", args[0])
	})
}
