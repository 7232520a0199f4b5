package cli

import (
	"context"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// Config is what the program gives the commands. Its zero value is ready for use.
type Config struct {
	// Getenv reads the environment; nil is os.Getenv.
	Getenv func(name string) string
	// Exit returns the error that makes the program end with a status above 1. By then the error has been
	// printed. nil: the program ends with 1 whatever went wrong.
	Exit func(status int) error
	// Terminal reports whether a stream of the command is one that a person reads or types on; nil asks
	// the operating system.
	Terminal func(stream any) bool
}

// program is what all commands share. It is immutable.
type program struct{ Config }

// Configure makes cmd the command `admin`: it sets its texts and adds the verbs.
func Configure(cmd *cobra.Command, c Config) {
	if c.Getenv == nil {
		c.Getenv = os.Getenv
	}
	if c.Exit == nil {
		c.Exit = func(int) error { return nil }
	}
	if c.Terminal == nil {
		c.Terminal = isTerminal
	}
	if c.Terminal == nil {
		c.Terminal = isTerminal
	}
	p := &program{c}
	cmd.Use = "admin"
	cmd.Short = "Manages a running gateway: stored credentials, audit, export and import"
	cmd.Long = adminLong
	cmd.Example = adminExample
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return p.finish(cmd, flagError(err)) })
	p.group(cmd, p.statusCommand(), p.reencryptCommand(), p.authmCommand(), p.auditCommand(), p.exportCommand(), p.importCommand())
}

const adminLong = `
Manages a running gateway from the command line.

authm, audit, export and import talk to the management API, the site with
authgate_admin. They find it by --server or AUTHGATE_ADMIN_URL (default
http://127.0.0.1:9180) and take the key from AUTHGATE_ADMIN_KEY or --key-file.
status and reencrypt talk to Caddy's admin socket on the gateway's machine.

Secrets are read from files, from stdin ("-") or from the environment. There is
no flag that takes one: other users of the machine could read it.

Tables are for people; -o json is for programs. The exit status is 0 if all went
well, 1 if something failed, 2 if the command line is wrong.`

const adminExample = `  # Store the API key of an upstream. It is typed, or comes from a pipe:
  authgate admin authm types create reports --host api.internal \
      --auth-method api-key --auth-type oidc --type custom
  authgate admin authm set reports api.internal:9000 --access-key-file -

  # Move everything to another gateway, encrypted under way:
  authgate admin export --encrypt-key-file move.key -f gate.json
  authgate admin import --decrypt-key-file move.key -f gate.json \
      --server https://gate2.internal --dry-run

  # See who was refused in the last hour:
  authgate admin audit --since 1h --outcome refused`

// group makes cmd a command that only holds others.
func (p *program) group(cmd *cobra.Command, children ...*cobra.Command) *cobra.Command {
	cmd.AddCommand(children...)
	cmd.SuggestionsMinimumDistance = 2
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		err := usagef("there is no command %q", args[0])
		if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
			err = usagef("there is no command %q; did you mean %s?", args[0], strings.Join(near, " or "))
		}
		return p.finish(cmd, err)
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	return cmd
}

// leaf makes cmd a command that does something with exactly as many arguments as the names in its Use line.
func (p *program) leaf(cmd *cobra.Command, do func(ctx context.Context, cmd *cobra.Command, args []string) error) *cobra.Command {
	names := strings.Fields(cmd.Use)[1:]
	cmd.DisableFlagsInUseLine = true
	cmd.Use += " [flags]"
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) != len(names) {
			return p.finish(cmd, usagef("%s takes %d arguments, not %d: %s", cmd.CommandPath(), len(names), len(args), cmd.Use))
		}
		for i, arg := range args {
			if arg == "" {
				return p.finish(cmd, usagef("the argument %s is empty", names[i]))
			}
		}
		return nil
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		return p.finish(cmd, do(ctx, cmd, args))
	}
	return cmd
}
