package audit_test

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/authgate/authgate/admin/audit"
	"github.com/authgate/authgate/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock is a time that stands still until it is told to go on.
type clock struct{ at atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.at.Store(time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC).UnixNano())
	return c
}

func (c *clock) now() time.Time          { return time.Unix(0, c.at.Load()).UTC() }
func (c *clock) advance(d time.Duration) { c.at.Add(int64(d)) }

// tick is a clock that goes on by a millisecond whenever it is read.
func (c *clock) tick() time.Time { return time.Unix(0, c.at.Add(int64(time.Millisecond))).UTC() }

// gate is a store that counts transactions and can hold them back.
type gate struct {
	store.Store
	txns    atomic.Int32
	ops     atomic.Int32
	largest atomic.Int32
	hold    chan struct{} // nil: nobody waits
	arrived chan struct{} // gets a value for each transaction that waits
}

func (g *gate) Txn(ctx context.Context, conds []store.Cond, ops []store.Op) (int64, error) {
	g.txns.Add(1)
	g.ops.Add(int32(len(ops)))
	for n := g.largest.Load(); int32(len(ops)) > n && !g.largest.CompareAndSwap(n, int32(len(ops))); n = g.largest.Load() {
	}
	if g.hold != nil {
		g.arrived <- struct{}{}
		select {
		case <-g.hold:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	return g.Store.Txn(ctx, conds, ops)
}

func holding(s store.Store) *gate {
	return &gate{Store: s, hold: make(chan struct{}), arrived: make(chan struct{}, 1000)}
}

func observed() (*zap.Logger, *observer.ObservedLogs) {
	core, logs := observer.New(zapcore.DebugLevel)
	return zap.New(core), logs
}

// entry is an accepted write of a known caller.
func entry(n int) audit.Entry {
	return audit.Entry{
		Caller: "admin_key", Remote: "192.0.2.1", Verb: "update", Kind: "auth method", ID: strconv.Itoa(n), Name: "object " + strconv.Itoa(n),
		Revision: int64(n), Outcome: audit.Accepted, Status: 200,
	}
}

// refusal is a refused write of a caller nobody knows.
func refusal() audit.Entry {
	return audit.Entry{Remote: "192.0.2.2", Verb: "create", Kind: "binding", Outcome: audit.Refused, Status: 401}
}

func list(t *testing.T, l *audit.Log, q audit.Query) []audit.Entry {
	t.Helper()
	entries, err := l.List(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

func ids(entries []audit.Entry) []string {
	found := make([]string, 0, len(entries))
	for _, e := range entries {
		found = append(found, e.ID)
	}
	return found
}

// keys returns how many records of a class are stored.
func keys(t *testing.T, s store.Store, class string) int {
	t.Helper()
	kvs, _, err := s.List(t.Context(), "audit/"+class+"/")
	if err != nil {
		t.Fatal(err)
	}
	return len(kvs)
}

// parallel calls f n times at once and waits.
func parallel(n int, f func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { f(i) })
	}
	all.Wait()
}

// fill puts n readable entries of a class into s, older than any clock of these tests.
func fill(t *testing.T, s store.Store, class string, n int) {
	t.Helper()
	for first := 0; first < n; first += 100 {
		var ops []store.Op
		for i := first; i < min(first+100, n); i++ {
			key := "audit/" + class + "/" + pad(i) + "-0000000000000000"
			ops = append(ops, store.Op{Key: key, Value: []byte(`{"v":1,"time":"1970-01-01T00:00:00Z","verb":"create","kind":"old","id":"` + strconv.Itoa(i) + `","outcome":"accepted","status":201}`)})
		}
		if _, err := s.Txn(t.Context(), nil, ops); err != nil {
			t.Fatal(err)
		}
	}
}

func pad(n int) string {
	text := strconv.Itoa(n)
	return "00000000000000000000"[len(text):] + text
}
