package audit

import (
	"context"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/authgate/authgate/store"
)

// Log writes entries to a logger and to a store. It is safe for concurrent use, and so are several of
// them, of one process or of many, over one store. It runs nothing of its own, so there is nothing to
// close; the store must stay open until the last Append has returned.
type Log struct {
	store  store.Store
	log    *zap.Logger
	now    func() time.Time
	turns  commit
	intake intake
}

// New returns a Log over s, which stays the caller's. A nil now is time.Now.
func New(s store.Store, logger *zap.Logger, now func() time.Time) *Log {
	if now == nil {
		now = time.Now
	}
	return &Log{store: s, log: logger, now: now}
}

// Append writes the line of e and then stores e. It returns when e is stored or could not be, after two
// seconds at the latest, and when ctx ends, unless it is the one that writes for itself and others: the
// end of ctx never keeps an entry from being stored, so that who hangs up after a write cannot hide it.
// A failure of the store is logged and is no error for the caller, since what e tells of is done.
//
// Not stored, but counted in Suppressed of the next that is, are all but one in a second of the entries
// without a caller, those of status 503, whose store could not be reached, and refused ones in the
// moments after a failure of the store.
func (l *Log) Append(ctx context.Context, e Entry) {
	now := l.now()
	if e.Time.IsZero() {
		e.Time = now
	}
	e = e.cleaned()
	l.log.Info("management write", zap.String("verb", e.Verb), zap.String("kind", e.Kind), zap.String("id", e.ID), zap.String("name", e.Name),
		zap.Int64("revision", e.Revision), zap.String("outcome", e.Outcome), zap.Int("status", e.Status),
		zap.String("caller", e.Caller), zap.String("remote", e.Remote), zap.Duration("duration", e.Duration))
	class := classOf(e)
	suppressed, prune, ok := l.intake.admit(now, class, e.Status)
	if !ok {
		return
	}
	e.Suppressed = suppressed
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), maxWait)
	defer cancel()
	l.put(ctx, patience, store.Op{Key: class.newKey(e.Time), Value: encode(e)}, class, 1+suppressed)
	if prune {
		l.prune(patience, class)
	}
}

func (l *Log) failed(lost [classes]int) { l.intake.failed(l.now(), lost) }

// unreachable reports whether an answer says that the store is, so that it will not take the entry either.
func unreachable(status int) bool { return status == http.StatusServiceUnavailable }
