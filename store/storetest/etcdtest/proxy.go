package etcdtest

import (
	"context"
	"net"
	"net/url"
	"sync"
	"time"
)

// Proxy is a line to a member that can be cut, go dead or become slow. It knows nothing of what it
// carries, so TLS goes through it.
type Proxy struct {
	// URL is what a client connects to.
	URL string

	target   string
	listener net.Listener
	ctx      context.Context
	cancel   context.CancelFunc
	running  sync.WaitGroup

	mu      sync.Mutex
	cut     bool
	stalled bool
	delay   time.Duration
	changed chan struct{} // closed when stalled changes
	conns   map[net.Conn]struct{}
}

// NewProxy starts a proxy to a client URL. The caller closes it.
func NewProxy(endpoint string) (*Proxy, error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return nil, err
	}
	var lc net.ListenConfig
	l, err := lc.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background()) // ended by Close
	p := &Proxy{
		target: u.Host, listener: l, ctx: ctx, cancel: cancel,
		changed: make(chan struct{}), conns: make(map[net.Conn]struct{}),
	}
	u.Host = l.Addr().String()
	p.URL = u.String()
	p.running.Go(p.accept)
	return p, nil
}

// Partition ends all connections and lets none through, as when the member's host rejects them.
func (p *Proxy) Partition() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = true
	for c := range p.conns {
		_ = c.Close()
	}
}

// Stall hands on nothing any more but leaves all connections open and accepts new ones: every packet is
// lost, and nobody is told.
func (p *Proxy) Stall() { p.stall(true) }

// Delay hands on every byte, in both directions, so much later from now on.
func (p *Proxy) Delay(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = d
}

// Heal undoes all of that. What was stalled arrives now.
func (p *Proxy) Heal() {
	p.mu.Lock()
	p.cut, p.delay = false, 0
	p.mu.Unlock()
	p.stall(false)
}

// Close ends all connections and waits until nothing of the proxy is left.
func (p *Proxy) Close() {
	p.cancel()
	_ = p.listener.Close()
	p.Partition()
	p.running.Wait()
}

func (p *Proxy) stall(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stalled = on
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		if !p.add(client) {
			continue
		}
		p.running.Go(func() { p.carry(client) })
	}
}

// add takes a connection into account, or closes it.
func (p *Proxy) add(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cut || p.ctx.Err() != nil {
		_ = c.Close()
		return false
	}
	p.conns[c] = struct{}{}
	return true
}

func (p *Proxy) remove(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
	_ = c.Close()
}

func (p *Proxy) carry(client net.Conn) {
	defer p.remove(client)
	var d net.Dialer
	server, err := d.DialContext(p.ctx, "tcp", p.target)
	if err != nil || !p.add(server) {
		return
	}
	defer p.remove(server)
	var back sync.WaitGroup
	back.Go(func() { p.pump(client, server) })
	p.pump(server, client)
	back.Wait()
}

// piece is what was read at once.
type piece struct {
	data []byte
	due  time.Time
}

// pump hands on from one end to the other until either has ended, and ends both then.
func (p *Proxy) pump(to, from net.Conn) {
	pieces := make(chan piece, 1024)
	var writer sync.WaitGroup
	writer.Go(func() {
		defer to.Close()
		for next := range pieces {
			if !p.wait(next.due) {
				break
			}
			if _, err := to.Write(next.data); err != nil {
				break
			}
		}
		_ = from.Close()
		for range pieces { // nobody wants them any more
		}
	})
	for {
		data := make([]byte, 32<<10)
		n, err := from.Read(data)
		if err != nil {
			break
		}
		p.mu.Lock()
		due := time.Now().Add(p.delay)
		p.mu.Unlock()
		pieces <- piece{data[:n], due}
	}
	close(pieces)
	writer.Wait()
}

// wait returns when it is time and nothing is stalled; false: the proxy is closed.
func (p *Proxy) wait(due time.Time) bool {
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-p.ctx.Done():
		return false
	}
	for {
		p.mu.Lock()
		stalled, changed := p.stalled, p.changed
		p.mu.Unlock()
		if !stalled {
			return true
		}
		select {
		case <-changed:
		case <-p.ctx.Done():
			return false
		}
	}
}
