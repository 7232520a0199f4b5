package audit_test

import (
	"bytes"
	"slices"
	"testing"

	"go.uber.org/zap"

	"github.com/authgate/authgate/admin/audit"
	"github.com/authgate/authgate/store"
	"github.com/authgate/authgate/store/seal"
)

// TestSealed: with encryption on, the store tells nothing of who did what, and what was written with a key
// that is gone is left out.
func TestSealed(t *testing.T) {
	t.Parallel()
	mem, c := store.NewMemory(), newClock()
	logger, lines := observed()
	open := func(text string) *audit.Log {
		t.Helper()
		key, err := seal.NewKey()
		if err != nil {
			t.Fatal(err)
		}
		ring, err := seal.NewKeyring(key)
		if err != nil {
			t.Fatal(err)
		}
		l := audit.New(seal.Wrap(mem, seal.Config{Prefix: "/authgate/", Keys: ring, Logger: zap.NewNop()}), logger, c.tick)
		e := entry(1)
		e.ID = text
		l.Append(t.Context(), e)
		return l
	}
	open("of a lost key")
	l := open("of this key")
	if got := ids(list(t, l, audit.Query{})); !slices.Equal(got, []string{"of this key"}) {
		t.Errorf("D5: %q", got)
	}
	if broken := lines.FilterMessage("audit entries cannot be read").All(); len(broken) != 1 || broken[0].ContextMap()["entries"] != int64(1) {
		t.Errorf("D5: %v", broken)
	}
	kvs, _, err := mem.List(t.Context(), "")
	if err != nil || len(kvs) != 2 {
		t.Fatal(kvs, err)
	}
	for _, kv := range kvs {
		if bytes.Contains(kv.Value, []byte("admin_key")) {
			t.Errorf("stored as %q", kv.Value)
		}
	}
}
