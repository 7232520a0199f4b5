package audit_test

import (
	"slices"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/authgate/authgate/admin/audit"
	"github.com/authgate/authgate/store/etcdembed"
)

// TestOnEtcd repeats on a real etcd what depends on its transactions, with two replicas.
func TestOnEtcd(t *testing.T) {
	t.Parallel()
	server, err := etcdembed.Start(etcdembed.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	s := server.Store("/authgate/")
	fill(t, s, "known", knownBound+250)
	g := &gate{Store: s}
	one, two := audit.New(g, zap.NewNop(), time.Now), audit.New(g, zap.NewNop(), time.Now)
	const each = 200
	began := time.Now()
	parallel(2*each, func(i int) { []*audit.Log{one, two}[i%2].Append(t.Context(), entry(i)) })
	t.Logf("%d entries in %v", 2*each, time.Since(began))
	if puts := g.txns.Load(); puts > each {
		t.Errorf("%d transactions", puts)
	}
	if n := keys(t, s, "known"); n < knownBound || n > knownBound+2*each {
		t.Errorf("%d stored", n)
	}
	// Both tell the same.
	q := audit.Query{Limit: 2 * each}
	if a, b := list(t, one, q), list(t, two, q); len(a) != 2*each || !slices.Equal(a, b) || a[0].Kind == "old" || a[2*each-1].Kind == "old" {
		t.Errorf("%d entries, %d entries", len(a), len(b))
	}
	// What one has pruned another cannot, and need not.
	for range 2 {
		parallel(2, func(i int) { audit.New(s, zap.NewNop(), time.Now).Append(t.Context(), entry(i)) })
	}
	if n := keys(t, s, "known"); n < knownBound || n > knownBound+4 {
		t.Errorf("after pruning %d stored", n)
	}
}
