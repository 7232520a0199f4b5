package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/authgate/authgate/authn"
)

// gate is the compiled form of one route's rules. It is immutable, and usable after the Cleanup of the
// configuration it came from: requests outlive it.
type gate struct {
	log      *zap.Logger
	counts   *counters
	chain    authn.Authenticator // nil on an anonymous route
	strip    *authn.StripList
	require  authn.Requirements
	identity *identity // nil sends none
	scopes   string    // what the challenge of a 403 asks for
	warned   *seldom
	adminKey managementKey

	bearer, mtls bool // the kinds of credential the route accepts

	anonymous, passToken, allowEncodedPaths, allowObsText bool
}

// decision is what the gate leaves in the request's variables for the transport. A request without one
// was let through by no rule.
type decision struct {
	principal  *authn.Principal // nil on an anonymous route
	credential authn.Credential // as presented, for a second gate on the way: the first has removed it
	attached   bool             // the transport saw the request
}

const decisionVar = "authgate.decision"

func decisionOf(ctx context.Context) *decision {
	d, _ := caddyhttp.GetVar(ctx, decisionVar).(*decision)
	return d
}

// denial is a refusal on its way to the client; Caddy's handle_errors sees its status.
type denial struct {
	status    int
	code      string // RFC 6750 section 3.1 error, empty for a request that brought no credential
	text      string // constant text: it goes to the client
	challenge bool
	cause     error // goes to the debug log only
}

// admit strips the request, judges it, and leaves the decision in its variables. The strip comes first
// and always, so that error routes and anonymous routes never see a client's copy of a managed header.
func (g *gate) admit(r *http.Request) (*decision, *denial) {
	ctx := r.Context()
	credential, malformed := authn.ParseCredential(r)
	if earlier := decisionOf(ctx); earlier != nil {
		if malformed == nil && credential.Scheme == "" {
			credential = earlier.credential
		}
		caddyhttp.SetVar(ctx, decisionVar, nil) // another gate's verdict does not count for this one
	}
	asked := originalURL(r)
	g.clean(r, asked)
	if d := g.checkForm(r, asked); d != nil {
		return nil, d
	}
	out := &decision{credential: credential}
	if !g.anonymous {
		chosen, d := g.choose(r, credential, malformed)
		if d != nil {
			return nil, d
		}
		p, err := g.chain.Authenticate(ctx, chosen)
		if err != nil {
			return nil, refusal(err)
		}
		if !g.require.Met(p) {
			return nil, &denial{status: http.StatusForbidden, code: "insufficient_scope", text: "the credential does not grant this", challenge: true}
		}
		if g.identity != nil {
			if err := g.identity.set(r.Header, p); err != nil {
				return nil, &denial{status: http.StatusForbidden, text: err.Error()}
			}
		}
		out.principal = p
	}
	caddyhttp.SetVar(ctx, decisionVar, out)
	return out, nil
}

// clean removes from the request everything that is the gateway's to say. asked is the URL as it came:
// error routes get it back, and may call an upstream with it.
func (g *gate) clean(r *http.Request, asked *url.URL) {
	authn.StripHopByHop(r)
	trusted, _ := caddyhttp.GetVar(r.Context(), caddyhttp.TrustedProxyVarKey).(bool)
	g.strip.Strip(r.Header, trusted)
	g.strip.GuardTrailers(r)
	if !g.passToken || g.adminKey.isIn(r.Header["Authorization"]) {
		delete(r.Header, "Authorization")
	}
	if asked != r.URL {
		g.cleanQuery(asked)
	}
	if g.cleanQuery(r.URL) {
		r.RequestURI = r.URL.RequestURI() // logged by whatever comes behind this handler
	}
}

// methods are the request methods the gateway knows: those of RFC 9110 but TRACE, PATCH, and WebDAV's.
var methods = []string{
	"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE",
	"LOCK", "UNLOCK", "REPORT", "SEARCH", "ACL", "MKCALENDAR", "VERSION-CONTROL", "CHECKOUT", "CHECKIN", "BIND", "UNBIND",
}

var allowMethods = strings.Join(methods, ", ")

func (g *gate) checkForm(r *http.Request, asked *url.URL) *denial {
	if !slices.Contains(methods, r.Method) && !isWebsocketConnect(r) {
		return &denial{status: http.StatusMethodNotAllowed, text: "unknown method"}
	}
	// A rewrite before this handler must not hide what the client asked for.
	if r.URL.Opaque != "" || asked.Opaque != "" || r.URL.Path == "*" && r.Method != http.MethodOptions {
		// "GET x:http://other/admin": no path for a matcher to see, yet the target would be forwarded as it is.
		return &denial{status: http.StatusBadRequest, text: "the request target is no path"}
	}
	if !g.allowEncodedPaths {
		err := authn.CheckPath(r.URL.EscapedPath())
		if err == nil && (asked.Path != r.URL.Path || asked.RawPath != r.URL.RawPath) {
			err = authn.CheckPath(asked.EscapedPath())
		}
		if err != nil {
			return &denial{status: http.StatusBadRequest, text: err.Error()}
		}
	}
	for _, values := range r.Header {
		for _, v := range values {
			if !plainValue(v, g.allowObsText) {
				return &denial{status: http.StatusBadRequest, text: "a header value has bytes that are not visible ASCII"}
			}
		}
	}
	return nil
}

// isWebsocketConnect reports an extended CONNECT (RFC 8441, RFC 9220), the websocket handshake of HTTP/2
// and 3. A plain CONNECT would ask for a tunnel, and gets none (specs H18).
func isWebsocketConnect(r *http.Request) bool {
	return r.Method == http.MethodConnect &&
		(r.ProtoMajor == 2 && r.Header.Get(":protocol") == "websocket" || r.ProtoMajor == 3 && r.Proto == "websocket")
}

func plainValue(v string, obsText bool) bool {
	for i := range len(v) {
		if c := v[i]; c >= 0x7f && (c == 0x7f || !obsText) || c < 0x20 && c != '\t' {
			return false
		}
	}
	return true
}

// refusal maps the outcomes of authentication (specs D: cannot tell is 503, never 401 and never allow).
func refusal(err error) *denial {
	switch {
	case errors.Is(err, authn.ErrAmbiguous):
		return &denial{status: http.StatusBadRequest, code: "invalid_request", text: "more than one credential", challenge: true, cause: err}
	case errors.Is(err, authn.ErrNoCredential):
		return &denial{status: http.StatusUnauthorized, text: "authentication required", challenge: true}
	case errors.Is(err, authn.ErrRejected), errors.Is(err, authn.ErrNotMine):
		return &denial{status: http.StatusUnauthorized, code: "invalid_token", text: "the token is not valid here", challenge: true, cause: err}
	default:
		return &denial{status: http.StatusServiceUnavailable, text: "authentication is unavailable for the moment", cause: err}
	}
}

// answer writes the headers of a refusal and returns the error that makes Caddy send its status.
func (g *gate) answer(w http.ResponseWriter, r *http.Request, d *denial) error {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	if d.challenge && g.bearer { // no scheme stands for a certificate
		c := `Bearer realm="authgate"`
		if d.code != "" {
			c += fmt.Sprintf(`, error="%s", error_description="%s"`, d.code, d.text)
		}
		if d.code == "insufficient_scope" && g.scopes != "" {
			c += fmt.Sprintf(`, scope="%s"`, g.scopes)
		}
		h.Set("WWW-Authenticate", c)
	}
	switch d.status {
	case http.StatusServiceUnavailable:
		h.Set("Retry-After", "5")
		g.counts.unavailable.Add(1)
	case http.StatusUnauthorized:
		g.counts.unauthenticated.Add(1)
	case http.StatusMethodNotAllowed:
		h.Set("Allow", allowMethods)
		g.counts.malformed.Add(1)
	case http.StatusForbidden:
		g.counts.denied.Add(1)
	default:
		g.counts.malformed.Add(1)
	}
	if repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		repl.Set("http.auth.authgate.error", d.text)
	}
	level := zapcore.DebugLevel
	if d.status == http.StatusServiceUnavailable && g.warned.due() {
		level = zapcore.WarnLevel
	}
	if c := g.log.Check(level, "request refused"); c != nil {
		c.Write(zap.Int("status", d.status), zap.String("reason", d.text), zap.Error(d.cause))
	}
	return caddyhttp.Error(d.status, errors.New(d.text))
}
