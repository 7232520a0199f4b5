package audit_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"go.uber.org/zap"

	"github.com/authgate/authgate/admin/audit"
	"github.com/authgate/authgate/store"
)

// FuzzEntry: whatever a client names and whatever the store holds, what is told is short, printable text.
func FuzzEntry(f *testing.F) {
	f.Add("s1/host1", []byte(`{"v":1,"time":"2030-01-02T03:04:05Z","id":"a\u001b[2J"}`))
	f.Add("a\r\n\xff", []byte(`{"v":1,"verb":"a\nb","caller":null}`))
	f.Fuzz(func(t *testing.T, id string, raw []byte) {
		mem := store.NewMemory()
		l := audit.New(mem, zap.NewNop(), newClock().now)
		e := entry(1)
		e.ID = id
		l.Append(t.Context(), e)
		if _, err := mem.Txn(t.Context(), nil, []store.Op{{Key: "audit/unknown/" + pad(1), Value: raw}}); err != nil {
			t.Fatal(err)
		}
		for _, e := range list(t, l, audit.Query{}) {
			for _, text := range []string{e.Caller, e.Remote, e.Verb, e.Kind, e.ID, e.Outcome} {
				if len(text) > 300 || !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) && r != unicode.ReplacementChar }) {
					t.Errorf("%q", text)
				}
			}
		}
	})
}
