package cli

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/cobra"
)

func (p *program) typesCommand(c *connection) *cobra.Command {
	return p.group(&cobra.Command{Use: "types", Short: "Service types: which hosts take which kind of credential"},
		p.typesList(c), p.typesGet(c), p.typesCreate(c), p.typesUpdate(c), p.typesDelete(c))
}

func (p *program) typesList(c *connection) *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "Lists the service types"}
	output := outputFlag(cmd)
	return p.leaf(cmd, func(ctx context.Context, cmd *cobra.Command, _ []string) error {
		a, err := p.open(c, p.secrets(cmd))
		if err != nil {
			return err
		}
		types, unread, err := a.serviceTypes(ctx)
		if err != nil {
			return err
		}
		unreadable{types: unread}.note(cmd)
		if *output == asJSON {
			return writeJSON(cmd.OutOrStdout(), map[string]any{"service_types": append([]serviceType{}, types...)})
		}
		rows := make([][]string, 0, len(types))
		for _, st := range types {
			rows = append(rows, []string{st.Name, st.AuthMethod, st.Type, strings.Join(st.AuthTypes, ","), strings.Join(st.Hosts, ","), st.Origin})
		}
		return p.list(cmd, "service types", []string{"NAME", "AUTH METHOD", "TYPE", "AUTH TYPES", "HOSTS", "ORIGIN"}, rows)
	})
}

func (p *program) typesGet(c *connection) *cobra.Command {
	cmd := &cobra.Command{Use: "get <name>", Short: "Shows one service type and its revision"}
	output := outputFlag(cmd)
	return p.leaf(cmd, func(ctx context.Context, cmd *cobra.Command, args []string) error {
		a, err := p.open(c, p.secrets(cmd))
		if err != nil {
			return err
		}
		st, err := a.doType(ctx, request{method: http.MethodGet, path: pathType(args[0])})
		if err != nil {
			return err
		}
		if *output == asJSON {
			return writeJSON(cmd.OutOrStdout(), st)
		}
		return writePairs(cmd.OutOrStdout(), [][2]string{
			{"Name", st.Name}, {"Auth method", st.AuthMethod}, {"Type", st.Type}, {"Auth types", strings.Join(st.AuthTypes, ", ")},
			{"Hosts", strings.Join(st.Hosts, ", ")}, {"UUID", st.UUID}, {"Created", st.CreatedOn}, {"Updated", st.UpdatedOn},
			{"Origin", st.Origin}, {"Revision", st.Revision},
		})
	})
}

// given are the members of a body whose flags were set.
func given(cmd *cobra.Command, members map[string]string) map[string]any {
	body := map[string]any{}
	for flag, member := range members {
		if !cmd.Flags().Changed(flag) {
			continue
		}
		if list, err := cmd.Flags().GetStringSlice(flag); err == nil {
			body[member] = list
			continue
		}
		body[member] = cmd.Flags().Lookup(flag).Value.String()
	}
	return body
}

func (p *program) typesCreate(c *connection) *cobra.Command {
	cmd := &cobra.Command{Use: "create <name>", Short: "Makes a service type"}
	f := cmd.Flags()
	f.StringSlice("host", nil, "a host, as upstream addresses name it; repeatable")
	f.StringSlice("auth-type", nil, "how callers of the mapping authenticate: x509, oidc; repeatable")
	f.String("auth-method", "", "kind of its credentials: api-key, headers")
	f.String("type", "", "ams, web-api or custom; picks defaults, and cannot be changed later")
	return p.leaf(cmd, func(ctx context.Context, cmd *cobra.Command, args []string) error {
		body := given(cmd, map[string]string{"host": "hosts", "auth-type": "auth_types", "auth-method": "auth_method", "type": "type"})
		for _, need := range [][2]string{{"hosts", "--host"}, {"auth_types", "--auth-type"}, {"auth_method", "--auth-method"}, {"type", "--type"}} {
			if _, ok := body[need[0]]; !ok {
				return usagef("%s is required", need[1])
			}
		}
		body["name"] = args[0]
		a, err := p.open(c, p.secrets(cmd))
		if err != nil {
			return err
		}
		if _, err := a.doType(ctx, request{method: http.MethodPost, path: pathTypes, body: body}); err != nil {
			return err
		}
		return p.report(cmd, "service type %s created", args[0])
	})
}

func (p *program) typesUpdate(c *connection) *cobra.Command {
	cmd := &cobra.Command{
		Use: "update <name>", Short: "Changes a service type",
		Long: "\nChanges what the flags name and leaves the rest. The hosts given are all the hosts\nthere will be: a credential of a host that is gone stays, and is used no more.",
	}
	f := cmd.Flags()
	f.String("rename", "", "the new name")
	f.StringSlice("host", nil, "all hosts from now on; repeatable")
	f.StringSlice("auth-type", nil, "all auth types from now on; repeatable")
	f.String("auth-method", "", "kind of its credentials: api-key, headers")
	match := matchFlag(cmd)
	return p.leaf(cmd, func(ctx context.Context, cmd *cobra.Command, args []string) error {
		body := given(cmd, map[string]string{"rename": "name", "host": "hosts", "auth-type": "auth_types", "auth-method": "auth_method"})
		if len(body) == 0 {
			return usagef("nothing to change: give --rename, --host, --auth-type or --auth-method")
		}
		a, err := p.open(c, p.secrets(cmd))
		if err != nil {
			return err
		}
		if _, err := a.doType(ctx, request{method: http.MethodPut, path: pathType(args[0]), match: *match, body: body}); err != nil {
			return err
		}
		return p.report(cmd, "service type %s updated", args[0])
	})
}

func (p *program) typesDelete(c *connection) *cobra.Command {
	cmd := &cobra.Command{
		Use: "delete <name>", Short: "Deletes a service type with its auth methods and bindings",
		Long: "\nDeletes a service type, and with it all its auth methods and bindings.\n" + confirmHelp,
	}
	yes, match := yesFlag(cmd), matchFlag(cmd)
	return p.leaf(cmd, func(ctx context.Context, cmd *cobra.Command, args []string) error {
		a, err := p.open(c, p.secrets(cmd))
		if err != nil {
			return err
		}
		if !*yes && p.Terminal(cmd.InOrStdin()) {
			below, unread, err := a.countBelow(ctx, args[0])
			if err != nil {
				return err
			}
			unread.note(cmd)
			if err := p.confirm(cmd, *yes, "Delete the service type %s with its %s?", args[0], below); err != nil {
				return err
			}
		}
		if _, err := a.do(ctx, request{method: http.MethodDelete, path: pathType(args[0]), match: *match}, nil); err != nil {
			return err
		}
		return p.report(cmd, "service type %s deleted", args[0])
	})
}

// countBelow tells what goes with a service type.
func (a *api) countBelow(ctx context.Context, name string) (below string, unread unreadable, err error) {
	st, err := a.doType(ctx, request{method: http.MethodGet, path: pathType(name)})
	if err != nil {
		return "", unread, err
	}
	methods, n, err := a.methods(ctx)
	if err != nil {
		return "", unread, err
	}
	unread.methods = n
	bindings, n, err := a.bindings(ctx, pathBindings, nil)
	if err != nil {
		return "", unread, err
	}
	unread.bindings = n
	var m, b int
	for _, x := range methods {
		if x.ServiceUUID == st.UUID {
			m++
		}
	}
	for _, x := range bindings {
		if x.ServiceUUID == st.UUID {
			b++
		}
	}
	return fmt.Sprintf("%d auth methods and %d bindings", m, b), unread, nil
}
