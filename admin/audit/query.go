package audit

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/authgate/authgate/store"
)

// Query chooses entries.
type Query struct {
	Limit   int       // how many at most; 0 for DefaultLimit, and never more than MaxLimit
	Since   time.Time // none before this; zero for all
	Kind    string    // empty for all
	Outcome string    // empty for all
}

// The bounds of Query.Limit.
const (
	DefaultLimit = 100
	MaxLimit     = 1000
)

// List returns the stored entries that q chooses, newest first; never nil. Entries that cannot be read
// are left out, and their number is logged. Its error is the store's.
func (l *Log) List(ctx context.Context, q Query) ([]Entry, error) {
	limit := min(q.Limit, MaxLimit)
	if limit <= 0 {
		limit = DefaultLimit
	}
	kvs, _, err := l.store.List(ctx, root)
	if err != nil {
		return nil, fmt.Errorf("listing audit entries: %w", err)
	}
	slices.SortFunc(kvs, func(a, b store.KV) int { return strings.Compare(id(b.Key), id(a.Key)) })
	oldest := moment(q.Since) // the zero time is before all
	entries, broken := make([]Entry, 0, min(limit, len(kvs))), 0
	for _, kv := range kvs {
		if len(entries) == limit || id(kv.Key) < oldest {
			break
		}
		e, err := decode(kv.Value)
		switch {
		case err != nil:
			broken++
		case (q.Kind == "" || e.Kind == q.Kind) && (q.Outcome == "" || e.Outcome == q.Outcome):
			entries = append(entries, e)
		}
	}
	if broken > 0 {
		l.log.Error("audit entries cannot be read", zap.Int("entries", broken))
	}
	return entries, nil
}
