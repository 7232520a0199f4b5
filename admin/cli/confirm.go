package cli

import (
	"bufio"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

const confirmHelp = `
On a terminal it asks first; --yes answers. When stdin is no terminal it does not
ask, so scripts need nothing special.`

func yesFlag(cmd *cobra.Command) *bool {
	return cmd.Flags().Bool("yes", false, "do not ask")
}

func matchFlag(cmd *cobra.Command) *string {
	return cmd.Flags().String("if-match", "", "only if the object is still at this revision, as get shows it")
}

// confirm asks a person whether to go on.
func (p *program) confirm(cmd *cobra.Command, yes bool, question string, args ...any) error {
	in := cmd.InOrStdin()
	if yes || !p.Terminal(in) {
		return nil
	}
	_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "%s [y/N] ", clean(fmt.Sprintf(question, args...)))
	answer, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && answer == "" {
		return errors.New("nothing was deleted")
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return errors.New("nothing was deleted")
}
