package authn

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/authgate/authgate/internal/rawquery"
	"github.com/authgate/authgate/internal/secret"
)

// ErrAmbiguous is returned by ParseCredential for a request that presents more than one credential
// (RFC 6750 section 2 forbids it; specs J18): two readers could pick different ones. The gateway
// answers 400.
var ErrAmbiguous = errors.New("more than one credential")

// QueryTokenParam is the query parameter of RFC 6750 section 2.3, which the gateway ignores and removes:
// a token in a URL ends up in logs and in Referer headers (specs J20).
const QueryTokenParam = "access_token"

// ParseCredential takes the credential out of r without judging it. A request without any yields the
// zero Credential. A client certificate beside a token is no second credential: a token may be bound to one
// (RFC 8705). The error wraps ErrAmbiguous (400) or, for an Authorization header that is no
// well-formed credential, ErrRejected (401; specs J19). It holds no part of what was sent.
func ParseCredential(r *http.Request) (Credential, error) {
	var c Credential
	if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		c.TLS, c.RemoteAddr = r.TLS, r.RemoteAddr
	}
	lines := r.Header["Authorization"]
	if len(lines) == 0 {
		return c, nil
	}
	if len(lines) > 1 {
		return Credential{}, fmt.Errorf("%w: several Authorization lines", ErrAmbiguous)
	}
	if r.URL.RawQuery != "" && rawquery.Has(r.URL.RawQuery, QueryTokenParam) {
		return Credential{}, fmt.Errorf("%w: Authorization and %s", ErrAmbiguous, QueryTokenParam)
	}
	scheme, token, ok := strings.Cut(lines[0], " ")
	if i := strings.IndexByte(lines[0], ','); i >= 0 && strings.EqualFold(scheme, "bearer") && strings.Trim(lines[0][i:], ", \t") != "" {
		return Credential{}, fmt.Errorf("%w: a list in Authorization", ErrAmbiguous)
	}
	if !ok || scheme == "" || !isToken68(token) {
		return Credential{}, fmt.Errorf("%w: malformed Authorization header", ErrRejected)
	}
	if strings.EqualFold(scheme, "bearer") {
		c.Scheme = "bearer"
	} else {
		c.Scheme = strings.ToLower(scheme)
	}
	c.Token = secret.New(token)
	return c, nil
}

// isToken68 reports whether s is a token68 of RFC 9110 section 11.2, the only form of Bearer and Basic.
func isToken68(s string) bool {
	body := strings.TrimRight(s, "=")
	if body == "" {
		return false
	}
	for i := range len(body) {
		if !token68[body[i]] {
			return false
		}
	}
	return true
}

// token68 is a table because every byte of every token is looked up in it.
var token68 = func() (t [256]bool) {
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/") {
		t[c] = true
	}
	return t
}()
