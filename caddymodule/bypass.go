package caddymodule

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/authgate/authgate/authmethods"
)

// bypassWatch notices routes that have an authgate handler but proxy through another transport to an
// upstream for which a credential is stored: such a route authenticates only, which its author may not
// know (design.md, decision 1). It warns once for each upstream and shows it in status.
type bypassWatch struct {
	mu      sync.Mutex
	checked map[string]time.Time
	found   []string
}

// recheck is how long an upstream without a credential is not looked up again, and maxWatched how many
// upstreams are remembered: with dynamic upstreams their number has no bound of its own.
const (
	recheck    = time.Minute
	maxWatched = 1024
)

func newBypassWatch() *bypassWatch { return &bypassWatch{checked: map[string]time.Time{}} }

func (b *bypassWatch) check(a *App, repl *caddy.Replacer) {
	if repl == nil || !a.backend.feed.Status().Fresh {
		return // a store that does not answer must not hold up the request
	}
	address, ok := repl.GetString("http.reverse_proxy.upstream.hostport")
	if !ok || address == "" || !b.due(address) {
		return
	}
	host, portText, err := net.SplitHostPort(address)
	if err != nil {
		return
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	probe := &http.Request{Header: http.Header{}, URL: &url.URL{}}
	attached, err := a.service.Injector("", authmethods.InjectOptions{AllowPlainHTTP: true}).
		Inject(ctx, probe, authmethods.Target{Scheme: "https", Host: host, Port: port}, nil)
	if err != nil || !attached.Any() {
		return
	}
	b.mu.Lock()
	known := slices.Contains(b.found, address)
	if !known {
		b.found = append(b.found, address)
	}
	b.mu.Unlock()
	if !known {
		a.log.Warn("a credential is stored for this upstream but the route does not attach it; add `transport authgate` to its reverse_proxy",
			zap.String("upstream", address))
	}
}

func (b *bypassWatch) due(address string) bool {
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	if last, ok := b.checked[address]; ok && now.Sub(last) < recheck {
		return false
	}
	if len(b.checked) >= maxWatched {
		clear(b.checked)
	}
	b.checked[address] = now
	return true
}

func (b *bypassWatch) list() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string{}, b.found...)
}
