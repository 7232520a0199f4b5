package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

// format is the value of -o.
type format string

const (
	asTable format = "table"
	asJSON  format = "json"
)

func (f *format) String() string { return string(*f) }
func (f *format) Type() string   { return "format" }

func (f *format) Set(text string) error {
	if format(text) != asTable && format(text) != asJSON {
		return fmt.Errorf("there are %s and %s", asTable, asJSON)
	}
	*f = format(text)
	return nil
}

func outputFlag(cmd *cobra.Command) *format {
	f := asTable
	cmd.Flags().VarP(&f, "output", "o", "table for people, json for programs")
	return &f
}

// writeTable writes rows under a header, as kubectl does. Cells may hold text from outside.
func writeTable(w io.Writer, header []string, rows [][]string) error {
	var b bytes.Buffer
	tw := tabwriter.NewWriter(&b, 0, 0, 3, ' ', 0)
	for _, row := range append([][]string{header}, rows...) {
		cells := make([]string, len(row))
		for i, cell := range row {
			if cells[i] = clean(cell); cells[i] == "" {
				cells[i] = "-"
			}
		}
		_, _ = fmt.Fprintln(tw, strings.Join(cells, "\t")) // into memory
	}
	_ = tw.Flush()
	return writeLines(w, b.String())
}

// writePairs writes one name and value a line, without the empty values.
func writePairs(w io.Writer, pairs [][2]string) error {
	var b bytes.Buffer
	tw := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, pair := range pairs {
		if pair[1] != "" {
			_, _ = fmt.Fprintf(tw, "%s:\t%s\n", pair[0], clean(pair[1]))
		}
	}
	_ = tw.Flush()
	return writeLines(w, b.String())
}

// writeLines writes text without the spaces at the ends of its lines.
func writeLines(w io.Writer, text string) error {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(strings.TrimRight(line, " \n"))
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func writeJSON(w io.Writer, v any) error {
	data, err := encodeJSON(v)
	if err != nil {
		return err
	}
	_, err = w.Write(data)
	return err
}

// encodeJSON is safe to look at in a terminal, and the same for the same value.
func encodeJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(v)
	return []byte(cleanJSON(b.Bytes())), err
}

// writeRawJSON writes a JSON text from outside, with its members in their order.
func writeRawJSON(w io.Writer, data []byte) error {
	var b bytes.Buffer
	if err := json.Indent(&b, bytes.TrimSpace(data), "", "  "); err != nil {
		return errShape
	}
	_, err := io.WriteString(w, cleanJSON(b.Bytes())+"\n")
	return err
}
