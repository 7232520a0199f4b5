package audit_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/authgate/authgate/admin/audit"
	"github.com/authgate/authgate/store"
)

var errDown = errors.New("dial tcp: no route")

// TestStoreFailure: the line is written, the failure told without values, and once the store is back an
// entry says how many are missing.
func TestStoreFailure(t *testing.T) {
	t.Parallel()
	logger, lines := observed()
	mem, c := store.NewMemory(), newClock()
	g := &gate{Store: mem}
	l := audit.New(g, logger, c.now)
	mem.FailWrites(errDown)
	e := entry(1)
	e.ID = "the object"
	l.Append(t.Context(), e)
	if lines.Len() < 2 || lines.All()[0].Message != "management write" {
		t.Fatalf("lines %v", lines.All())
	}
	failures := lines.FilterMessage("audit entries are in the log only").All()
	if len(failures) != 1 || strings.Contains(fmt.Sprint(failures[0].ContextMap()), "the object") {
		t.Errorf("failures %v", failures)
	}

	refused := entry(2)
	refused.Outcome, refused.Status = audit.Refused, 404
	asked := g.txns.Load()
	l.Append(t.Context(), refused) // does not wait for a store that has just failed
	unavailable := entry(3)
	unavailable.Outcome, unavailable.Status = audit.Refused, 503
	c.advance(time.Hour)
	l.Append(t.Context(), unavailable) // D2: its answer is due at once
	if g.txns.Load() != asked {
		t.Error("D2: the store was asked")
	}
	mem.FailWrites(nil)
	l.Append(t.Context(), entry(4))
	got := list(t, l, audit.Query{})
	if len(got) != 1 || got[0].ID != "4" || got[0].Suppressed != 3 {
		t.Errorf("entries %+v", got)
	}
	if n := lines.FilterMessage("management write").Len(); n != 4 {
		t.Errorf("%d lines", n)
	}
}

// TestAcceptedWriteIsAlwaysTried: what was accepted shows that the store works again.
func TestAcceptedWriteIsAlwaysTried(t *testing.T) {
	t.Parallel()
	logger, _ := observed()
	mem := store.NewMemory()
	l := audit.New(mem, logger, newClock().now)
	mem.FailWrites(errDown)
	l.Append(t.Context(), entry(1))
	mem.FailWrites(nil)
	l.Append(t.Context(), entry(2))
	if got := list(t, l, audit.Query{}); len(got) != 1 || got[0].Suppressed != 1 {
		t.Errorf("entries %+v", got)
	}
}
