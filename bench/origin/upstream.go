package origin

import (
	"bytes"
	"errors"
	"net"
	"sync"
	"sync/atomic"
)

// Key is the header value a gateway has to attach to every request it
// forwards. It is long enough not to occur by accident.
const Key = "bench-upstream-credential-5f2c9b"

// maxHead bounds one request's head; a longer one ends the connection.
const maxHead = 16 << 10

var (
	headEnd  = []byte("\r\n\r\n")
	key      = []byte(Key)
	attached = []byte("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nok\n")
	bare     = []byte("HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/plain\r\nContent-Length: 11\r\n\r\nno api key\n")
)

// Upstream answers GET requests as cheaply as Go can: it finds the end of the
// head, looks for Key in it, and writes a constant. It is no HTTP server:
// requests with a body confuse it. A request without Key gets 502, so that a
// gateway which forwards without attaching the credential cannot pass for a
// fast one.
type Upstream struct {
	ln       net.Listener
	attached atomic.Int64
	bare     atomic.Int64
	conns    atomic.Int64
	wg       sync.WaitGroup

	mu   sync.Mutex
	open map[net.Conn]struct{}
}

// Counts is what an Upstream has seen since it started.
type Counts struct {
	Attached int64 // requests with Key
	Bare     int64 // requests without
	Conns    int64 // connections accepted
}

// Sub is c minus d.
func (c Counts) Sub(d Counts) Counts {
	return Counts{Attached: c.Attached - d.Attached, Bare: c.Bare - d.Bare, Conns: c.Conns - d.Conns}
}

// ServeUpstream listens on a free loopback port until Close.
func ServeUpstream() (*Upstream, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	u := &Upstream{ln: ln, open: map[net.Conn]struct{}{}}
	u.wg.Go(u.accept)
	return u, nil
}

// Addr is the host:port to forward to.
func (u *Upstream) Addr() string { return u.ln.Addr().String() }

// Counts reads the counters.
func (u *Upstream) Counts() Counts {
	return Counts{Attached: u.attached.Load(), Bare: u.bare.Load(), Conns: u.conns.Load()}
}

// Close ends every connection and waits for them.
func (u *Upstream) Close() {
	u.mu.Lock()
	_ = u.ln.Close()
	for c := range u.open {
		_ = c.Close()
	}
	u.open = nil
	u.mu.Unlock()
	u.wg.Wait()
}

func (u *Upstream) accept() {
	for {
		c, err := u.ln.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // a connection reset before it was accepted
		}
		if !u.track(c) {
			_ = c.Close()
			return
		}
		u.conns.Add(1)
		u.wg.Go(func() { u.serve(c) })
	}
}

func (u *Upstream) track(c net.Conn) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.open == nil {
		return false
	}
	u.open[c] = struct{}{}
	return true
}

func (u *Upstream) serve(c net.Conn) {
	defer func() {
		_ = c.Close()
		u.mu.Lock()
		delete(u.open, c)
		u.mu.Unlock()
	}()
	buf := make([]byte, maxHead)
	n := 0
	for {
		end := bytes.Index(buf[:n], headEnd)
		if end < 0 {
			if n == len(buf) {
				return
			}
			m, err := c.Read(buf[n:])
			if err != nil {
				return
			}
			n += m
			continue
		}
		answer := bare
		if bytes.Contains(buf[:end], key) {
			answer = attached
			u.attached.Add(1)
		} else {
			u.bare.Add(1)
		}
		if _, err := c.Write(answer); err != nil {
			return
		}
		n = copy(buf, buf[end+len(headEnd):n])
	}
}
