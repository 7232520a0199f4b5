package authn

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
)

// StripList knows which request headers belong to the gateway, so that no client can bring its own
// (specs H1 to H10). Names compare normalised: lowercase, with "_" and "." as "-", since upstreams fold
// them that way (H4). It is immutable and safe for concurrent use; make one with NewStripList.
type StripList struct {
	names    map[string]struct{}
	prefixes []string
	plain    map[string]struct{} // canonical spellings known to be of no interest: the fast way out
}

// alwaysNames are headers by which gateways, load balancers and application servers tell an upstream
// who the caller is or what it asked for. authgate sends none of these, so only a client can.
var alwaysNames = []string{
	"x-original-url", "x-original-uri", "x-original-method", "x-original-host", "x-rewrite-url",
	"x-http-method-override", "x-http-method", "x-method-override",
	"client-cert", "client-cert-chain", "x-forwarded-client-cert", "x-forwarded-user", "x-forwarded-email",
	"x-forwarded-groups", "x-forwarded-preferred-username", "x-forwarded-access-token",
	"remote-user", "remote-groups", "remote-name", "remote-email", "x-remote-user", "x-remote-group",
	"proxy-authorization", "proxy-connection", "keep-alive", "http2-settings",
}

// alwaysPrefixes are the families among them.
var alwaysPrefixes = []string{
	"x-ssl-client-", "ssl-client-", "x-client-cert", "x-forwarded-tls-client-", "x-tls-client-", "x-remote-extra-",
	"x-auth-request-", "x-webauth-", "x-goog-authenticated-user-", "x-goog-iap-", "x-amzn-oidc-", "x-ms-client-principal",
	"x-ms-token-", "cf-access-", "tailscale-user-", "x-authentik-", "x-pomerium-",
}

// commonNames pass without a closer look.
var commonNames = []string{
	"Accept", "Accept-Encoding", "Accept-Language", "Authorization", "Cache-Control", "Connection", "Content-Encoding",
	"Content-Length", "Content-Type", "Cookie", "Date", "If-Match", "If-Modified-Since", "If-None-Match", "Origin",
	"Pragma", "Range", "Referer", "Sec-Fetch-Dest", "Sec-Fetch-Mode", "Sec-Fetch-Site", "Traceparent", "Tracestate",
	"Upgrade", "Upgrade-Insecure-Requests", "User-Agent", "X-Request-Id", "X-Requested-With",
	"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto",
}

// NewStripList returns the list of a route. identityPrefix is the prefix of its identity headers
// ("X-Auth-"; empty for none): everything below it is the gateway's. managed are further header names,
// those of the credentials the gateway attaches.
func NewStripList(identityPrefix string, managed ...string) *StripList {
	s := &StripList{names: map[string]struct{}{}, plain: map[string]struct{}{}, prefixes: alwaysPrefixes}
	for _, n := range alwaysNames {
		s.names[n] = struct{}{}
	}
	for _, n := range managed {
		s.names[NormalizeHeaderName(n)] = struct{}{}
	}
	if identityPrefix != "" {
		s.prefixes = append([]string{NormalizeHeaderName(identityPrefix)}, alwaysPrefixes...)
	}
	for _, n := range commonNames {
		if !s.Managed(n) {
			s.plain[n] = struct{}{}
		}
	}
	return s
}

// CheckIdentityPrefix reports whether prefix can be the prefix of a route's identity headers. Everything
// below it is deleted from every request, so it must not cover headers that clients need.
func CheckIdentityPrefix(prefix string) error {
	norm := NormalizeHeaderName(prefix)
	for i := range len(norm) {
		if c := norm[i]; c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return fmt.Errorf("%q is no prefix of a header name", prefix)
		}
	}
	for _, n := range append([]string{"Host", "Te", "Transfer-Encoding", "X-Forwarded-"}, commonNames...) {
		if strings.HasPrefix(NormalizeHeaderName(n), norm) {
			return fmt.Errorf("%q would cover %s; take a longer prefix such as X-Auth-", prefix, n)
		}
	}
	return nil
}

// NormalizeHeaderName returns name as upstreams may fold it: lowercase, "_" and "." as "-".
func NormalizeHeaderName(name string) string {
	return string(appendNormalized(make([]byte, 0, 64), name))
}

func appendNormalized(b []byte, name string) []byte {
	for i := range len(name) {
		c := name[i]
		switch {
		case c == '_' || c == '.':
			c = '-'
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		}
		b = append(b, c)
	}
	return b
}

// Managed reports whether the header belongs to the gateway.
func (s *StripList) Managed(name string) bool {
	var buf [64]byte
	return s.managed(appendNormalized(buf[:0], name))
}

func (s *StripList) managed(norm []byte) bool {
	if _, ok := s.names[string(norm)]; ok {
		return true
	}
	for _, p := range s.prefixes {
		if len(norm) >= len(p) && string(norm[:len(p)]) == p {
			return true
		}
	}
	return false
}

// Strip deletes every managed header from h, and twins of X-Forwarded-For, Host and Proto, which even a
// trusted proxy passes on unseen. Unless the peer is such a proxy, it also deletes Forwarded and all other
// X-Forwarded-*; those three Caddy overwrites itself (H9).
func (s *StripList) Strip(h http.Header, trustedProxy bool) {
	for name := range h {
		if _, ok := s.plain[name]; ok {
			continue
		}
		var buf [64]byte
		norm := appendNormalized(buf[:0], name)
		if s.managed(norm) || forwarded(norm, name, trustedProxy) {
			delete(h, name)
		}
	}
}

func forwarded(norm []byte, name string, trustedProxy bool) bool {
	switch string(norm) {
	case "forwarded":
		return !trustedProxy
	case "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto":
		return strings.ContainsAny(name, "_.") // a twin, which Caddy would not overwrite
	}
	return !trustedProxy && strings.HasPrefix(string(norm), "x-forwarded-")
}

// StripHopByHop applies the client's Connection header here and now: what it names is deleted, and only
// "close", "keep-alive" and a websocket upgrade stay in it. Otherwise Caddy's reverse proxy would apply
// it after the gateway has added its own headers, and a client could delete those (specs E1, H6). Upgrades
// to anything but a websocket are dropped: a tunnel in another protocol (h2c) would carry requests the
// gateway never sees (H18). TE stays only on gRPC calls, which do not work without it (H8).
func StripHopByHop(r *http.Request) {
	h := r.Header
	if _, ok := h["Te"]; ok && !(r.ProtoMajor >= 2 && strings.HasPrefix(h.Get("Content-Type"), "application/grpc")) {
		delete(h, "Te")
	}
	upgrade := false
	if values, ok := h["Upgrade"]; ok {
		upgrade = len(values) == 1 && strings.EqualFold(strings.TrimSpace(values[0]), "websocket")
		if !upgrade {
			delete(h, "Upgrade")
		}
	}
	lines, ok := h["Connection"]
	if !ok {
		return
	}
	var kept []string
	for _, line := range lines {
		for token := range strings.SplitSeq(line, ",") {
			switch token = strings.ToLower(strings.Trim(token, " \t")); token {
			case "close", "keep-alive":
				kept = append(kept, token)
			case "upgrade":
				if upgrade {
					kept = append(kept, token)
				}
			case "":
			default:
				h.Del(token)
			}
		}
	}
	if len(kept) == 0 {
		delete(h, "Connection")
		return
	}
	h["Connection"] = []string{strings.Join(kept, ", ")}
}

// GuardTrailers makes sure that no managed header reaches the upstream as a trailer (specs E2, H7). The
// server fills r.Trailer when the body has been read to its end, so the body is wrapped to sweep then.
func (s *StripList) GuardTrailers(r *http.Request) {
	if r.Trailer == nil {
		return // the server adds undeclared trailers to no request whose map it did not make
	}
	s.sweep(r.Trailer)
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = &trailerGuard{ReadCloser: r.Body, list: s, trailer: r.Trailer}
	}
}

func (s *StripList) sweep(t http.Header) {
	maps.DeleteFunc(t, func(name string, _ []string) bool {
		switch NormalizeHeaderName(name) {
		case "authorization", "cookie", "host", "connection", "content-length", "transfer-encoding":
			return true
		}
		return s.Managed(name)
	})
}

type trailerGuard struct {
	io.ReadCloser
	list    *StripList
	trailer http.Header
}

func (g *trailerGuard) Read(p []byte) (int, error) {
	n, err := g.ReadCloser.Read(p)
	if err != nil {
		g.list.sweep(g.trailer)
	}
	return n, err
}
