//go:build !authgate_sidecar

package caddymodule

import (
	"os"
	"os/signal"
	"syscall"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/authgate/authgate/admin/cli"
)

func init() {
	if caddy.CustomBinaryName == "" {
		caddy.CustomBinaryName = "authgate" // what Caddy's help calls the program
	}
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:      "admin",
		Usage:     "<verb>",
		Short:     "Manages a running gateway: stored credentials, audit, export and import",
		CobraFunc: func(cmd *cobra.Command) { cli.Configure(cmd, cli.Config{Exit: exitWith}) },
	})
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "demo",
		Usage: "[--keep]",
		Short: "Shows authgate at work in one minute, on this machine alone",
		Long: `
Starts a gateway with the embedded store in a temporary folder, a small OIDC
issuer and an echo service, all on loopback. Then it does what a platform
engineer would: declares a service type, stores a credential, calls the service
through the gateway with a token, rotates the credential, and tries to get in
without a token and with forged headers. Each step is printed as the curl
command you would type, with what came back and what the service saw.

The exit status is 0 only if every step did what it should. --keep leaves all
of it running afterwards, so that the printed commands can be tried; stop it
with Ctrl-C.`,
		CobraFunc: func(cmd *cobra.Command) {
			keep := cmd.Flags().Bool("keep", false, "Leave everything running until Ctrl-C")
			cmd.Args = cobra.NoArgs
			cmd.RunE = func(cmd *cobra.Command, _ []string) error {
				cmd.SilenceUsage = true
				ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
				defer stop()
				return runDemo(ctx, cmd.OutOrStdout(), *keep)
			}
		},
	})
}

// exitWith returns the error with which Caddy's main function ends the program with a status above 1. Only
// Caddy can make one.
func exitWith(status int) error {
	return caddycmd.WrapCommandFuncForCobra(func(caddycmd.Flags) (int, error) { return status, nil })(new(cobra.Command), nil)
}
