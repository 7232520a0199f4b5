package store

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/metadata"
)

var errWatchEnded = errors.New("watch ended")

// Watch implements Store. The watch is refused by a member that has lost its leader
// (WithRequireLeader), which would otherwise stay silent for ever. It has a stream of its own: a member
// answers no request for progress while any watch on the stream is behind or begins in the future.
func (s *etcdStore) Watch(ctx context.Context, prefix string, revision int64) (*Watch, error) {
	const op = "watching etcd"
	if err := checkPrefix(prefix); err != nil {
		return nil, invalid(op, err)
	}
	if !s.begin() {
		return nil, closedError(op)
	}
	ctx = metadata.AppendToOutgoingContext(ctx, "authgate-watch", strconv.FormatUint(s.watches.Add(1), 10))
	ctx, cancel := context.WithCancel(clientv3.WithRequireLeader(ctx))
	stop := context.AfterFunc(s.base, cancel)
	watcher, closeWatcher := s.watcher()
	end := func() { stop(); cancel(); closeWatcher(); s.running.Done() }

	// The client waits for the server's answer without a limit of its own.
	impatience := time.AfterFunc(s.timeout, cancel)
	responses := watcher.Watch(ctx, s.prefix+prefix, clientv3.WithPrefix(),
		clientv3.WithRev(revision), clientv3.WithProgressNotify())
	if !impatience.Stop() || ctx.Err() != nil {
		end()
		return nil, s.classify(op, context.Cause(ctx))
	}

	batches := make(chan Batch)
	go func() {
		defer close(batches)
		defer end()
		for resp := range responses {
			b, last := s.batch(op, resp)
			select {
			case batches <- b:
			case <-ctx.Done():
				return
			}
			if last {
				return
			}
		}
	}()
	progress := func() error {
		if ctx.Err() != nil {
			return s.classify(op, errWatchEnded)
		}
		// The request finds the watch's stream by the context's outgoing metadata.
		ctx, cancel := context.WithTimeout(ctx, s.timeout)
		defer cancel()
		if err := watcher.RequestProgress(ctx); err != nil {
			return s.classify(op, err)
		}
		return nil
	}
	return &Watch{Batches: batches, Progress: progress}, nil
}

// watcher returns what a single watch runs on, and what ends that. A client's own watcher keeps a stream,
// with its goroutines here and at the member, for every watch that was cancelled before the member had
// confirmed it, and makes another one when asked for progress on a stream that is gone. The in-process
// client of an embedded server has no connection to make a watcher on; there its own must do, and watches
// are told apart by their outgoing metadata.
func (s *etcdStore) watcher() (clientv3.Watcher, func()) {
	if s.client.ActiveConnection() == nil {
		return s.client.Watcher, func() {}
	}
	w := clientv3.NewWatcher(s.client)
	return w, func() { _ = w.Close() } // it reports only how the stream ended
}

// batch translates one response and reports whether it is the watch's last.
func (s *etcdStore) batch(op string, resp clientv3.WatchResponse) (b Batch, last bool) {
	err := resp.Err()
	switch {
	case resp.CompactRevision != 0:
		return Batch{Err: compactedError(op)}, true
	case err != nil:
		return Batch{Err: s.classify(op, err)}, true
	case resp.Canceled:
		return Batch{Err: unavailable(op, errWatchEnded)}, true
	case len(resp.Events) == 0:
		// A progress report: everything up to the header's revision has been delivered.
		return Batch{Revision: resp.Header.GetRevision()}, false
	}
	// With events the header may be ahead of what has been delivered: only the events count.
	b.Events = make([]Event, 0, len(resp.Events))
	for _, e := range resp.Events {
		b.Events = append(b.Events, Event{
			Key:      strings.TrimPrefix(string(e.Kv.Key), s.prefix),
			Value:    e.Kv.Value,
			Revision: e.Kv.ModRevision,
			Deleted:  e.Type == clientv3.EventTypeDelete,
		})
		b.Revision = max(b.Revision, e.Kv.ModRevision)
	}
	return b, false
}
