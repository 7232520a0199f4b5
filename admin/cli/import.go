package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

// maxDocument bounds what import reads, in bytes.
const maxDocument = 128 << 20

func (p *program) importCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "import", Short: "Brings a gateway to what an export says",
		Long: `
Reads a document of 'authgate admin export' and makes the gateway hold what it says:
creates what is missing, updates what differs, leaves alone what is equal. It deletes
nothing: objects that the document does not name stay, and a host is not taken from a
service type while something outside the document needs it. Importing the same
document again changes nothing.

A redacted export holds no secrets: where a credential is stored it is kept, and
elsewhere that auth method fails. One failure does not stop the rest; the exit
status is then 1.`,
		Example: `  authgate admin import -f gate.json --decrypt-key-file backup.key --dry-run
  authgate admin import -f gate.json --decrypt-key-file backup.key
  authgate admin import < redacted.json`,
	}
	c, output := connectionFlags(cmd), outputFlag(cmd)
	f := cmd.Flags()
	file := f.StringP("file", "f", "-", "the document, - for stdin")
	keyFile := f.String("decrypt-key-file", "", "decrypt with the key in this file, - for stdin")
	dry := f.Bool("dry-run", false, "say what would be done, and do nothing")
	return p.leaf(cmd, func(ctx context.Context, cmd *cobra.Command, _ []string) error {
		secrets := p.secrets(cmd)
		doc, err := readDocument(secrets, *file, *keyFile)
		if err != nil {
			return err
		}
		a, err := p.open(c, secrets)
		if err != nil {
			return err
		}
		i := &importer{api: a, doc: doc, dry: *dry}
		if err := i.load(ctx); err != nil {
			return err
		}
		if *output == asTable {
			i.tell = func(r result) { _, _ = fmt.Fprintln(cmd.OutOrStdout(), r.line()) }
		}
		i.run(ctx)
		if err := i.report(cmd, *output); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return hinted(errors.New("interrupted"), "run the same command again: it goes on where this one stopped")
		}
		if n := i.count(failed); n > 0 {
			return fmt.Errorf("%d of %d objects failed", n, len(i.results))
		}
		return nil
	})
}

func readDocument(secrets *secretReader, file, keyFile string) (*document, error) {
	data, err := secrets.document(file)
	if err != nil {
		return nil, fmt.Errorf("reading the export: %w", err)
	}
	format, err := formatOf(data)
	if err != nil {
		return nil, err
	}
	switch {
	case format == formatPlain && keyFile != "":
		return nil, usagef("--decrypt-key-file is given, and the export is not encrypted: is it the right file?")
	case format == formatPlain:
		return parseDocument(data)
	case keyFile == "":
		return nil, usagef("the export is encrypted: name the file with its key with --decrypt-key-file")
	}
	key, err := secrets.sealKey("the export's key", keyFile)
	if err != nil {
		return nil, err
	}
	if data, err = openDocument(data, key); err != nil {
		return nil, err
	}
	return parseDocument(data)
}
