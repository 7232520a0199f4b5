package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/authgate/authgate/authmethods"
	"github.com/authgate/authgate/authn"
	"github.com/authgate/authgate/internal/fault"
)

func init() { caddy.RegisterModule(Transport{}) }

// Transport is Caddy's http transport that also attaches the credential stored for the address it
// really dials. It works on a clone of each attempt, after everything a client's Connection header could
// delete and before nothing that logs (specs E1, E3), and passes on only requests an authgate handler
// let through. Active health checks use it too, and so carry the credential.
type Transport struct {
	*reverseproxy.HTTPTransport

	// The service type whose credential is meant. Needed only where two list the same host and port; if
	// given, an upstream without a credential of that type gets no request at all.
	ServiceType string `json:"service_type,omitempty"`

	// Attach the token that the upstream's service gives out for the caller, who needs a binding there,
	// instead of the stored credential itself. Callers without one get 403. Active health checks have no
	// caller, and fail.
	Map bool `json:"map,omitempty"`

	// Attach credentials to plain-HTTP requests that leave this machine. Default: only to loopback.
	InsecurePlainHTTP bool `json:"insecure_plain_http,omitempty"`

	log      *zap.Logger
	counts   *counters
	users    *atomic.Int64
	injector authmethods.Injector
	warned   *seldom
}

// idleConnsPerHost is this transport's default of keepalive_idle_conns_per_host. Caddy's is 32: with
// more requests than that in flight, connections are closed and dialled anew all the time, which costs
// more than authenticating does.
const idleConnsPerHost = 256

// CaddyModule returns the Caddy module information.
func (Transport) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID: "http.reverse_proxy.transport.authgate",
		// The embedded pointer is made here since the Caddyfile adapter calls methods before any JSON is read.
		New: func() caddy.Module { return &Transport{HTTPTransport: new(reverseproxy.HTTPTransport)} },
	}
}

// Provision sets up the wrapped transport and finds the app.
func (t *Transport) Provision(ctx caddy.Context) error {
	t.log = ctx.Logger()
	if t.HTTPTransport == nil {
		t.HTTPTransport = new(reverseproxy.HTTPTransport)
	}
	if t.KeepAlive == nil {
		t.KeepAlive = new(reverseproxy.KeepAlive)
	}
	if t.KeepAlive.MaxIdleConnsPerHost == 0 {
		t.KeepAlive.MaxIdleConnsPerHost = idleConnsPerHost
	}
	if err := t.HTTPTransport.Provision(ctx); err != nil {
		return err
	}
	app, err := ctx.App("authgate")
	if err != nil {
		return err
	}
	a := app.(*App)
	t.counts, t.users, t.warned = &a.backend.counts, &a.backend.users, new(seldom)
	t.injector = a.service.Injector(t.ServiceType, authmethods.InjectOptions{AllowPlainHTTP: t.InsecurePlainHTTP, Map: t.Map})
	if t.InsecurePlainHTTP {
		a.plainHTTP = true
		t.log.Warn("insecure option in use", zap.String("option", "transport authgate: insecure_plain_http"))
	}
	return nil
}

// RoundTrip implements http.RoundTripper. When a credential cannot be attached the upstream is not
// called: the answer is the gateway's own, 502 for an ambiguous configuration and 503 otherwise. It is an
// answer and not an error, so that no health check or retry takes it for the upstream's failure.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	var principal *authn.Principal
	if d := decisionOf(ctx); d != nil {
		d.attached = true
		principal = d.principal
	} else if ctx.Value(caddyhttp.VarsCtxKey) != nil {
		// A client's request, and no authgate handler before it (specs P13). Health checks have no variables;
		// the server, which their context inherits from the configuration, tells nothing.
		if t.warned.due() {
			t.log.Error("request refused: no authgate directive has let it pass; put one before reverse_proxy on this route")
		}
		return t.refuse(req, http.StatusForbidden, "this route has no rule"), nil
	}

	if t.Map && principal == nil {
		if ctx.Value(caddyhttp.VarsCtxKey) == nil {
			return t.refuse(req, http.StatusServiceUnavailable, "a health check has no caller to map"), nil
		}
		return t.refuseUnbound(req, errNoCaller), nil
	}
	if req.URL.Opaque != "" { // would be sent as the request target, whatever the rules judged
		return t.refuse(req, http.StatusBadRequest, "the request target is no path"), nil
	}

	try := &attempt{Context: ctx, t: t}
	out := req.WithContext(try)
	out.Header = maps.Clone(req.Header)
	u := *req.URL
	out.URL = &u
	t.SetScheme(out)

	t.users.Add(1) // a health check comes through no handler
	attached, err := t.injector.Inject(ctx, out, targetOf(ctx, out), principal)
	t.users.Add(-1)
	if err != nil && fault.Is(err, fault.Forbidden) {
		return t.refuseUnbound(req, err), nil
	}
	if err == nil && t.Map && !attached.Any() {
		err = errNothingToMap
	}
	if err != nil {
		t.counts.failed.Add(1)
		status := http.StatusServiceUnavailable
		if fault.Is(err, fault.Conflict) {
			status = http.StatusBadGateway
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx) // the client has gone
		}
		if t.warned.due() {
			t.log.Error("no credential attached; upstream not called", zap.Int("status", status), zap.Error(err))
		}
		return t.refuse(req, status, "the credential for this upstream cannot be attached"), nil
	}
	if !attached.Any() {
		t.counts.passed.Add(1)
		return t.HTTPTransport.RoundTrip(out)
	}
	t.counts.attached.Add(1)
	try.guard(attached)
	resp, err := t.HTTPTransport.RoundTrip(out)
	if err != nil {
		return nil, attached.Redact(err)
	}
	resp.Request = req // out holds the secret, and others may log what they find here
	try.scrub(resp)
	return resp, nil
}

// targetOf is the address really dialled, never the Host the client sent. A unix socket has no port and
// gets a name no host can have, so that no stored credential matches it by chance.
func targetOf(ctx context.Context, out *http.Request) authmethods.Target {
	t := authmethods.Target{Scheme: out.URL.Scheme, Host: out.URL.Hostname()}
	port := out.URL.Port()
	if info, ok := reverseproxy.GetDialInfo(ctx); ok {
		t.Host, port = info.Host, info.Port
		if strings.HasPrefix(info.Network, "unix") {
			t.Host = "unix/" + info.Address
		}
	}
	t.Port, _ = strconv.Atoi(port) // none: the scheme's own
	return t
}

var (
	errNoCaller = errors.New("map on an anonymous route: there is no caller")
	// Without an auth method nobody can be bound to the address: every caller would get through as nobody.
	errNothingToMap = errors.New("map: no auth method is stored for this address")
)

// refuseUnbound answers a caller for whom there is no token. It is that caller's state, not a failure.
func (t *Transport) refuseUnbound(req *http.Request, err error) *http.Response {
	t.counts.unbound.Add(1)
	if c := t.log.Check(zapcore.DebugLevel, "request refused"); c != nil {
		c.Write(zap.Int("status", http.StatusForbidden), zap.Error(err))
	}
	return t.refuse(req, http.StatusForbidden, "no binding for this caller")
}

func (t *Transport) refuse(req *http.Request, status int, message string) *http.Response {
	body := fmt.Sprintf("{\n \"error\": {\n  \"message\": %q,\n  \"code\": %d,\n  \"status\": %q\n }\n}",
		message, status, strings.ToUpper(http.StatusText(status)))
	h := http.Header{"Content-Type": {"application/json; charset=utf-8"}, "Cache-Control": {"no-store"}}
	if status == http.StatusServiceUnavailable {
		h.Set("Retry-After", "5")
	}
	return &http.Response{
		Status: fmt.Sprintf("%d %s", status, http.StatusText(status)), StatusCode: status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: h, Request: req,
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}
}

var (
	_ caddy.Provisioner                                = (*Transport)(nil)
	_ caddy.CleanerUpper                               = (*Transport)(nil)
	_ http.RoundTripper                                = (*Transport)(nil)
	_ reverseproxy.TLSTransport                        = (*Transport)(nil)
	_ reverseproxy.H2CTransport                        = (*Transport)(nil)
	_ reverseproxy.HealthCheckSchemeOverriderTransport = (*Transport)(nil)
	_ reverseproxy.ProxyProtocolTransport              = (*Transport)(nil)
	_ reverseproxy.RequestHeaderOpsTransport           = (*Transport)(nil)
)
