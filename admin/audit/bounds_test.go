package audit_test

import (
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/authgate/authgate/admin/audit"
	"github.com/authgate/authgate/store"
)

const (
	knownBound   = 10000
	unknownBound = 1000
	pruneEvery   = 256
)

// TestBounds has three appenders on one store, which holds too many entries from before.
func TestBounds(t *testing.T) {
	t.Parallel()
	mem, c := store.NewMemory(), newClock()
	fill(t, mem, "known", knownBound+730)
	fill(t, mem, "unknown", unknownBound+130)
	g := &gate{Store: mem}
	logs := make([]*audit.Log, 3)
	for i := range logs {
		logs[i] = audit.New(g, zap.NewNop(), c.tick)
	}
	parallel(len(logs), func(i int) { logs[i].Append(t.Context(), entry(0)) })
	if n := keys(t, mem, "known"); n < knownBound || n > knownBound+len(logs) {
		t.Errorf("after start: %d", n)
	}
	if n := keys(t, mem, "unknown"); n != unknownBound+130 {
		t.Errorf("the other class was touched: %d", n)
	}
	for _, l := range logs {
		l.Append(t.Context(), refusal())
	}
	if n := keys(t, mem, "unknown"); n < unknownBound || n > unknownBound+len(logs) {
		t.Errorf("unknown callers: %d", n)
	}
	const each = 4 * pruneEvery
	parallel(len(logs), func(i int) {
		for n := range each {
			logs[i].Append(t.Context(), entry(n))
		}
	})
	if n := keys(t, mem, "known"); n < knownBound || n > knownBound+len(logs)*pruneEvery {
		t.Errorf("after a while: %d", n)
	}
	if n := g.largest.Load(); n > 100 {
		t.Errorf("a transaction of %d changes", n)
	}
	entries := list(t, logs[0], audit.Query{Limit: audit.MaxLimit})
	for _, e := range entries {
		if e.Kind == "old" {
			t.Fatal("an old entry was kept and a newer one deleted")
		}
	}
}

// TestPruningStops: a backlog that takes too long is left to the next, and a store that fails then is
// no trouble for the caller.
func TestPruningStops(t *testing.T) {
	t.Parallel()
	mem, c := store.NewMemory(), newClock()
	fill(t, mem, "known", knownBound+500)
	logger, lines := observed()
	l := audit.New(mem, logger, c.tick)
	mem.FailReads(errDown)
	l.Append(t.Context(), entry(1))
	if n := keysAfter(t, mem); n != knownBound+501 {
		t.Errorf("%d entries", n)
	}
	if lines.FilterMessage("audit entries are not pruned").Len() != 1 {
		t.Errorf("lines %v", lines.All())
	}
	for n := range pruneEvery {
		l.Append(t.Context(), entry(n))
	}
	if n := keysAfter(t, mem); n != knownBound {
		t.Errorf("the next pruning left %d", n)
	}
}

func keysAfter(t *testing.T, mem *store.Memory) int {
	t.Helper()
	mem.FailReads(nil)
	return keys(t, mem, "known")
}

// TestFlood: requests without a credential are all in the log, and in the store once a second.
func TestFlood(t *testing.T) {
	t.Parallel()
	logger, lines := observed()
	mem, c := store.NewMemory(), newClock()
	g := &gate{Store: mem}
	l := audit.New(g, logger, c.now)
	flood := func(n int) { parallel(n, func(int) { l.Append(t.Context(), refusal()) }) }
	flood(500)
	l.Append(t.Context(), entry(1)) // others are not held up
	c.advance(time.Second - 1)
	flood(1)
	c.advance(1)
	flood(100)
	c.advance(-time.Hour) // a clock set back does not silence the store
	flood(1)
	if n := lines.FilterMessage("management write").Len(); n != 603 {
		t.Errorf("%d lines", n)
	}
	if n := keys(t, mem, "unknown"); n != 3 || keys(t, mem, "known") != 1 {
		t.Errorf("%d stored", n)
	}
	found := map[int]int{}
	for _, e := range list(t, l, audit.Query{}) {
		found[e.Suppressed]++
	}
	// The first of all and the known caller's leave out none; then 499 and one; then 99.
	if found[0] != 2 || found[500] != 1 || found[99] != 1 {
		t.Errorf("suppressed %v", found)
	}
}
