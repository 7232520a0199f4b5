package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// unreadable counts what a gateway's lists leave out because it cannot read it, such as what is encrypted
// with a key it does not have.
type unreadable struct{ types, methods, bindings int }

func (u unreadable) any() bool { return u.String() != "" }

// String names the kinds and numbers; it is empty if there are none.
func (u unreadable) String() string {
	var parts []string
	for _, kind := range []struct {
		n    int
		name string
	}{{u.types, kindType}, {u.methods, kindMethod}, {u.bindings, kindBinding}} {
		switch {
		case kind.n == 1:
			parts = append(parts, "1 "+kind.name)
		case kind.n > 1:
			parts = append(parts, fmt.Sprintf("%d %ss", kind.n, kind.name))
		}
	}
	return strings.Join(parts, ", ")
}

// note tells people that what they look at is not all there is.
func (u unreadable) note(cmd *cobra.Command) {
	if u.any() {
		_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "Note: the gateway cannot read %s; its log names what is missing here.\n", u)
	}
}
