package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

// The exit status of a wrong command line; whatever else fails ends with 1.
const statusUsage = 2

// usageError is a mistake in the command line.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func usagef(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// hintError adds what to do about a failure.
type hintError struct {
	err  error
	hint string
}

func (e *hintError) Error() string { return e.err.Error() }
func (e *hintError) Unwrap() error { return e.err }

func hinted(err error, format string, args ...any) error {
	return &hintError{err, fmt.Sprintf(format, args...)}
}

// flagError keeps cobra's words. Whoever tries a flag for a secret is told where secrets go.
func flagError(err error) error {
	wrong := usagef("%v", err)
	for _, name := range []string{"--key", "--admin-key", "--access-key", "--token", "--password", "--secret"} {
		if err.Error() == "unknown flag: "+name {
			return hinted(wrong, "secrets are never given as flags, which other users of this machine can read; see --help for the -file flags and the environment variables")
		}
	}
	return wrong
}

// finish prints an error and returns the one that ends the program with the right status.
func (p *program) finish(cmd *cobra.Command, err error) error {
	if err == nil {
		return nil
	}
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	w := cmd.ErrOrStderr()
	_, _ = fmt.Fprintf(w, "Error: %s\n", clean(err.Error()))
	var hint *hintError
	if errors.As(err, &hint) {
		_, _ = fmt.Fprintf(w, "Hint: %s\n", clean(hint.hint))
	}
	var usage *usageError
	if !errors.As(err, &usage) {
		return err
	}
	_, _ = fmt.Fprintf(w, "See '%s --help'.\n", cmd.CommandPath())
	if status := p.Exit(statusUsage); status != nil {
		return status
	}
	return err
}
