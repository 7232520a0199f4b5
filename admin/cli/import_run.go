package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

// The outcomes of one object.
const (
	created   = "created"
	updated   = "updated"
	unchanged = "unchanged"
	skipped   = "skipped"
	failed    = "failed"
)

// result is what became of one object.
type result struct {
	object

	outcome, why string
	dry          bool
}

func (r result) line() string {
	text := fmt.Sprintf("%-9s  %s", r.outcome, r.object)
	if r.dry && (r.outcome == created || r.outcome == updated) {
		text += " (dry run)"
	}
	if r.why != "" {
		text += ": " + r.why
	}
	return clean(text)
}

// importer brings a gateway to what a document says, object by object: service types, then what hangs on
// them. types, methods and bindings are the gateway's, and follow what the importer does.
type importer struct {
	api  *api
	doc  *document
	dry  bool
	tell func(result) // nil for nobody

	types    map[string]*serviceType // by name
	names    map[string]string       // of service types, by UUID
	methods  []*method
	bindings map[string]*binding // by name
	unread   unreadable          // methods and bindings that are missing there
	results  []result
}

func (i *importer) load(ctx context.Context) error {
	s, err := i.api.state(ctx)
	if err != nil {
		return err
	}
	i.types, i.names = map[string]*serviceType{}, namesOf(s.types)
	for n := range s.types {
		i.types[s.types[n].Name] = &s.types[n]
	}
	i.hold(s.methods, s.bindings, unreadable{methods: s.unread.methods, bindings: s.unread.bindings})
	return nil
}

func (i *importer) hold(methods []*method, bindings []binding, unread unreadable) {
	i.unread = unread
	i.methods, i.bindings = methods, make(map[string]*binding, len(bindings))
	for n := range bindings {
		i.bindings[bindings[n].Name] = &bindings[n]
	}
}

// run does it. Whatever fails, the rest goes on; only an interruption ends it.
func (i *importer) run(ctx context.Context) {
	for _, d := range i.doc.ServiceTypes {
		i.do(ctx, object{kindType, d.Name, ""}, func() (string, string, error) { return i.serviceType(ctx, d) })
	}
	for _, d := range i.doc.AuthMethods {
		i.do(ctx, object{kindMethod, d.ServiceType, d.Host}, func() (string, string, error) { return i.method(ctx, d) })
	}
	for _, d := range i.doc.Bindings {
		i.do(ctx, object{kindBinding, d.Name, ""}, func() (string, string, error) { return i.binding(ctx, d) })
	}
}

func (i *importer) do(ctx context.Context, o object, f func() (outcome, why string, err error)) {
	if ctx.Err() != nil {
		return
	}
	outcome, why, err := f()
	if err != nil {
		outcome, why = failed, err.Error()
		var hint *hintError
		if errors.As(err, &hint) {
			why += "; " + hint.hint
		}
	}
	r := result{o, outcome, why, i.dry}
	i.results = append(i.results, r)
	if i.tell != nil {
		i.tell(r)
	}
}

func (i *importer) count(outcome string) int {
	n := 0
	for _, r := range i.results {
		if r.outcome == outcome {
			n++
		}
	}
	return n
}

func (i *importer) report(cmd *cobra.Command, output format) error {
	outcomes := []string{created, updated, unchanged, skipped, failed}
	if output == asTable {
		text := ""
		for n, o := range outcomes {
			if n > 0 {
				text += ", "
			}
			text += fmt.Sprintf("%d %s", i.count(o), o)
		}
		if i.dry {
			text += " (dry run: nothing was changed)"
		}
		_, err := fmt.Fprintln(cmd.OutOrStdout(), text)
		return err
	}
	type line struct {
		Kind    string `json:"kind"`
		ID      string `json:"id"`
		Outcome string `json:"outcome"`
		Reason  string `json:"reason,omitempty"`
	}
	report := struct {
		DryRun  bool           `json:"dry_run"`
		Objects []line         `json:"objects"`
		Summary map[string]int `json:"summary"`
	}{i.dry, []line{}, map[string]int{}}
	for _, r := range i.results {
		report.Objects = append(report.Objects, line{r.kind, r.id(), r.outcome, r.why})
	}
	for _, o := range outcomes {
		report.Summary[o] = i.count(o)
	}
	return writeJSON(cmd.OutOrStdout(), report)
}
