package etcdembed

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/fileutil"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/etcdserver"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3client"
	"go.uber.org/zap"
)

// closeLimit bounds Close: a server whose disk has failed may never finish stopping.
const closeLimit = 15 * time.Second

var (
	errClosed  = errors.New("embedded store closed")
	errStopped = errors.New("embedded store stopped by itself")
)

// Config describes an embedded server.
type Config struct {
	// Dir is the data directory. It is made if need be, and made accessible to its owner only.
	Dir string
	// QuotaBytes bounds the database file. Zero: 2000 MiB. When it is used up, writes fail with
	// store.ErrUnavailable while reads and deletions go on; the server compacts and defragments at
	// once, and lifts the ban by itself when that, or deleting, has made room.
	QuotaBytes int64
	// Logger gets warnings and errors. Nil: none.
	Logger *zap.Logger
}

// Server is a running, or still starting, embedded etcd. It is safe for concurrent use.
type Server struct {
	cfg    Config
	lock   *fileutil.LockedFile
	ready  chan struct{} // closed when calls are answered
	failed chan struct{} // closed when that will not happen, or no longer
	done   chan struct{} // closed when everything has ended
	stop   context.CancelFunc

	mu     sync.Mutex
	err    error
	client *clientv3.Client       // set before ready is closed
	etcd   *etcdserver.EtcdServer // the same
}

// Start starts a server and returns without waiting until it is ready. A directory that cannot be used,
// because another process does (ErrInUse) or because it is damaged, is an error at once. The caller
// closes the server.
func Start(cfg Config) (*Server, error) {
	if cfg.Logger == nil {
		cfg.Logger = zap.NewNop()
	}
	if cfg.QuotaBytes == 0 {
		cfg.QuotaBytes = defaultQuota
	}
	lock, err := openDir(cfg.Dir, cfg.Logger)
	if err != nil {
		return nil, fmt.Errorf("starting the embedded store: %w", err)
	}
	ctx, stop := context.WithCancel(context.Background()) // ended by Close
	s := &Server{
		cfg: cfg, lock: lock, stop: stop,
		ready: make(chan struct{}), failed: make(chan struct{}), done: make(chan struct{}),
	}
	go s.run(ctx)
	return s, nil
}

// Ready is closed when the server answers calls.
func (s *Server) Ready() <-chan struct{} { return s.ready }

// Err returns why the server does not run any more or could not start, nil while all is well. After
// Close it is never nil.
func (s *Server) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Client returns the server's own client once it is ready, for a caller that needs more of etcd than a
// Store shows. It is closed with the server.
func (s *Server) Client(ctx context.Context) (*clientv3.Client, error) {
	select {
	case <-s.failed:
		return nil, s.Err()
	default:
	}
	select {
	case <-s.ready:
		return s.client, nil
	case <-s.failed:
		return nil, s.Err()
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for the embedded store: %w", context.Cause(ctx))
	}
}

// Close stops the server and waits until it has ended and the directory is free. It is idempotent.
func (s *Server) Close() error {
	s.fail(errClosed)
	s.stop()
	limit := time.NewTimer(closeLimit)
	defer limit.Stop()
	select {
	case <-s.done:
		return nil
	case <-limit.C:
		return errors.New("closing the embedded store: it does not stop")
	}
}

// fail records the first reason why the server is of no more use.
func (s *Server) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
		close(s.failed)
	}
}

// run is the server's life.
func (s *Server) run(ctx context.Context) {
	defer close(s.done)
	defer func() { _ = s.lock.Close() }()
	e := s.launch()
	if e == nil {
		return
	}
	defer e.Close()
	select {
	case <-e.Server.ReadyNotify():
	case <-e.Server.StopNotify():
		s.fail(errStopped)
		return
	case <-s.failed:
		return
	}
	s.etcd, s.client = e.Server, v3client.New(e.Server)
	defer func() { _ = s.client.Close() }()
	close(s.ready)

	maintained := make(chan struct{})
	go func() {
		defer close(maintained)
		s.maintain(ctx)
	}()
	select {
	case <-e.Server.StopNotify():
		s.fail(errStopped)
	case <-s.failed: // by Close too
	}
	if err := s.Err(); !errors.Is(err, errClosed) {
		s.cfg.Logger.Error("embedded store stopped", zap.Error(err))
	}
	s.stop()
	<-maintained
}

// launch starts etcd on a goroutine of its own, because a fatal failure ends that goroutine (see
// etcdLogger).
func (s *Server) launch() *embed.Etcd {
	var e *embed.Etcd
	launched := make(chan struct{})
	go func() {
		defer close(launched)
		defer func() {
			if r := recover(); r != nil {
				s.fail(fmt.Errorf("starting the embedded store: etcd panicked: %v", r))
			}
		}()
		started, err := embed.StartEtcd(etcdConfig(s.cfg, s.fail))
		if err != nil {
			s.fail(fmt.Errorf("starting the embedded store: %w", err))
			return
		}
		e = started
	}()
	<-launched
	if e == nil {
		s.fail(errStopped)
		s.cfg.Logger.Error("embedded store cannot start", zap.Error(s.Err()))
	}
	return e
}
