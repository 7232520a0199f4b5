package audit_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"go.uber.org/zap"

	"github.com/authgate/authgate/admin/audit"
	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/store"
)

func TestEntryComesBack(t *testing.T) {
	t.Parallel()
	logger, logs := observed()
	l := audit.New(store.NewMemory(), logger, newClock().now)
	e := entry(7)
	e.Duration = 3 * time.Millisecond
	l.Append(t.Context(), e)
	e.Time = newClock().now()
	if got := list(t, l, audit.Query{}); len(got) != 1 || got[0] != e {
		t.Errorf("got %+v, want %+v", got, e)
	}
	lines := logs.FilterMessage("management write").All()
	if len(lines) != 1 || logs.Len() != 1 {
		t.Fatalf("lines %v", logs.All())
	}
	m := lines[0].ContextMap()
	if got := fmt.Sprint(m["verb"], " ", m["kind"], " ", m["id"], " ", m["revision"], " ", m["outcome"], " ", m["status"], " ", m["caller"], " ", m["remote"], " ", m["duration"]); got != "update auth method 7 7 accepted 200 admin_key 192.0.2.1 3ms" {
		t.Errorf("line %s", got)
	}
	text, err := json.Marshal(e)
	if want := `{"time":"2030-01-02T03:04:05Z","caller":"admin_key","remote":"192.0.2.1","verb":"update","kind":"auth method","id":"7","name":"object 7","revision":7,"outcome":"accepted","status":200}`; err != nil || string(text) != want {
		t.Errorf("as JSON %s", text)
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	logger, logs := observed()
	mem, c := store.NewMemory(), newClock()
	l := audit.New(mem, logger, c.tick)
	if got := list(t, l, audit.Query{}); got == nil || len(got) != 0 {
		t.Errorf("of none: %v", got)
	}
	for i := range 1100 {
		e := entry(i)
		if i%10 == 3 {
			e.Kind, e.Outcome = "binding", audit.Refused
		}
		l.Append(t.Context(), e)
	}
	l.Append(t.Context(), refusal())
	all := list(t, l, audit.Query{Limit: 5000})
	if len(all) != audit.MaxLimit || all[0].Caller != "" || all[1].ID != "1099" || all[999].ID != "101" {
		t.Errorf("%d entries, %v", len(all), ids(all[:3]))
	}
	if !slices.IsSortedFunc(all, func(a, b audit.Entry) int { return b.Time.Compare(a.Time) }) {
		t.Error("not in order")
	}
	for name, q := range map[string]audit.Query{"none": {}, "zero": {Limit: 0}, "negative": {Limit: -1}} {
		if n := len(list(t, l, q)); n != audit.DefaultLimit {
			t.Errorf("limit %s: %d entries", name, n)
		}
	}
	tests := []struct {
		name string
		q    audit.Query
		want []string
	}{
		{"kind", audit.Query{Limit: 2, Kind: "binding"}, []string{"", "1093"}},
		{"outcome", audit.Query{Limit: 2, Outcome: audit.Refused}, []string{"", "1093"}},
		{"both", audit.Query{Limit: 2, Outcome: audit.Accepted, Kind: "binding"}, []string{}},
		{"since_includes_its_moment", audit.Query{Since: all[2].Time}, []string{"", "1099", "1098"}},
		{"since_excludes_earlier", audit.Query{Since: all[2].Time.Add(1)}, []string{"", "1099"}},
		{"since_far_future", audit.Query{Since: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)}, []string{}},
		{"since_far_past", audit.Query{Limit: 1, Since: time.Date(-9999, 1, 1, 0, 0, 0, 0, time.UTC)}, []string{""}},
	}
	for _, tt := range tests {
		if got := ids(list(t, l, tt.q)); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
	if n := logs.FilterMessage("management write").Len(); n != logs.Len() {
		t.Errorf("other lines: %v", logs.All())
	}
}

// TestBrokenEntries is D5: what cannot be read is left out and counted, and nothing of it is told.
func TestBrokenEntries(t *testing.T) {
	t.Parallel()
	logger, logs := observed()
	mem := store.NewMemory()
	l := audit.New(mem, logger, newClock().tick)
	l.Append(t.Context(), entry(1))
	for i, value := range []string{
		"", "s3cr3t", "null", `[]`, `{"v":2,"verb":"create"}`, `{"verb":"create"}`, `{"v":1,"verb":"a","verb":"s3cr3t"}`,
		`{"v":1,"time":"s3cr3t"}`, `{"v":1,"id":{}}`,
	} {
		if _, err := mem.Txn(t.Context(), nil, []store.Op{{Key: "audit/known/" + pad(i) + "-s3cr3t", Value: []byte(value)}}); err != nil {
			t.Fatal(err)
		}
	}
	if got := ids(list(t, l, audit.Query{})); !slices.Equal(got, []string{"1"}) {
		t.Errorf("D5: %v", got)
	}
	lines := logs.FilterMessage("audit entries cannot be read").All()
	if len(lines) != 1 || lines[0].ContextMap()["entries"] != int64(9) || strings.Contains(fmt.Sprint(lines[0].ContextMap()), "s3cr3t") {
		t.Errorf("D5: %v", lines)
	}
}

// TestTexts: what a client chose cannot forge a line, turn a terminal or grow the store.
func TestTexts(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, id, want string }{
		{"line_break", "a\r\nmanagement write", "a\ufffd\ufffdmanagement write"},
		{"escape_sequence", "a\x1b[2Jb", "a\ufffd[2Jb"},
		{"nul_and_delete", "a\x00\x7f", "a\ufffd\ufffd"},
		{"c1_control", "a\u0085b", "a\ufffdb"},
		{"line_separator", "a\u2028b", "a\ufffdb"},
		{"right_to_left", "a\u202eb", "a\ufffdb"},
		{"no_utf8", "a\xff\xc0b", "a\ufffd\ufffdb"},
		{"other_scripts_stay", "Attikí 東京", "Attikí 東京"},
		{"long", strings.Repeat("x", 400), strings.Repeat("x", 300)},
		{"long_control", strings.Repeat("\x00", 400), strings.Repeat("\ufffd", 100)},
		{"long_cut_between_runes", strings.Repeat("x", 299) + "é", strings.Repeat("x", 299)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			logger, logs := observed()
			l := audit.New(store.NewMemory(), logger, newClock().tick)
			e := entry(1)
			e.ID, e.Caller, e.Remote, e.Verb, e.Kind, e.Outcome = tt.id, tt.id, tt.id, tt.id, tt.id, tt.id
			l.Append(t.Context(), e)
			got := list(t, l, audit.Query{})[0]
			if got.ID != tt.want || logs.All()[0].ContextMap()["id"] != tt.want {
				t.Errorf("stored %q, logged %q, want %q", got.ID, logs.All()[0].ContextMap()["id"], tt.want)
			}
			for _, text := range []string{got.Caller, got.Remote, got.Verb, got.Kind, got.Outcome} {
				if len(text) > 300 || !utf8.ValidString(text) || strings.ContainsAny(text, "\r\n\x1b") {
					t.Errorf("stored %q", text)
				}
			}
		})
	}
}

func TestListWithoutStore(t *testing.T) {
	t.Parallel()
	mem := store.NewMemory()
	mem.FailReads(errors.New("no route"))
	if _, err := audit.New(mem, zap.NewNop(), nil).List(t.Context(), audit.Query{}); !fault.Is(err, fault.Unavailable) {
		t.Errorf("got %v", err)
	}
}
