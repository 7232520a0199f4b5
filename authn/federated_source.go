package authn

import (
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/authgate/authgate/internal/secret"
)

// acceptedAlgorithms are those an issuer signs with, in the order of its discovery document.
type acceptedAlgorithms struct {
	set   algorithms
	names []string
}

// acceptAlgorithms takes those of a document's list that are supported, so that listing none or HS256 accepts
// neither, or RS256 alone if that leaves none (OpenID Connect Discovery 1.0 section 3).
func acceptAlgorithms(listed []string) *acceptedAlgorithms {
	a := &acceptedAlgorithms{}
	for _, name := range listed {
		if alg, known := algorithmByName(name); known && !a.set.has(alg) {
			a.set |= 1 << alg
			a.names = append(a.names, name)
		}
	}
	if a.set == 0 {
		return &acceptedAlgorithms{set: 1 << rs256, names: []string{"RS256"}}
	}
	return a
}

// federatedSource is a remoteSource that learns the issuer's algorithms and tells its failures in
// upstream's words.
type federatedSource struct {
	remote   remoteSource // its client is made for each fetch: a copy of the system's roots takes 50 KB
	origin   *url.URL     // of the issuer
	guard    addressGuard
	roots    func() (*x509.CertPool, error)
	bearer   func() (secret.String, error)      // may be nil
	accepted atomic.Pointer[acceptedAlgorithms] // all supported ones before discovery
}

func (s *federatedSource) fetch(ctx context.Context) ([]byte, error) {
	roots, err := s.roots()
	if err != nil {
		return nil, &DiscoveryError{Text: "the CA file cannot be read", Unreachable: true, cause: err}
	}
	strict := newFetchTransport(s.guard, roots, maxJWKSBytes, errRedirect)
	strict.quote = true
	s.remote.client = &http.Client{Transport: bearerTransport{
		next: strict, issuer: s.remote.issuer, origin: s.origin, bearer: s.bearer,
	}}
	defer func() { s.remote.client = nil }()
	address, err := s.remote.locate(ctx)
	if err != nil {
		return nil, discoveryError(inTime(ctx, strings.TrimSuffix(s.remote.issuer, "/")+"/.well-known/openid-configuration", err))
	}
	data, err := s.remote.get(ctx, address)
	if err != nil {
		return nil, keysError(inTime(ctx, address, err))
	}
	return data, nil
}

// inTime is err, or that the time is over: an answer cut short by that may look like a bad one.
func inTime(ctx context.Context, address string, err error) error {
	if ctx.Err() != nil {
		return &url.Error{Op: "Get", URL: address, Err: ctx.Err()}
	}
	return err
}

// place is sameOrigin with its exceptions.
func (s *federatedSource) place(issuer string, doc discovered) (string, error) {
	address, err := sameOrigin(issuer, doc)
	switch {
	case errors.Is(err, errOtherOrigin) && s.bearer != nil:
		// An API server names itself by whatever address it believes to have. It is asked at the one we
		// know, which alone may see the bearer, and where the path is fixed.
		address, err = s.origin.Scheme+"://"+s.origin.Host+"/openid/v1/jwks", nil
	case errors.Is(err, errOtherOrigin) && isPublishedAt(s.origin, doc.JWKSURI):
		address, err = doc.JWKSURI, nil
	}
	if err == nil {
		s.accepted.Store(acceptAlgorithms(doc.Algorithms))
	}
	return address, err
}

// isPublishedAt knows the issuers that publish their keys on another host of theirs, and which that is: the list
// of specs K7.
func isPublishedAt(issuer *url.URL, address string) bool {
	there, err := url.Parse(address)
	if err != nil {
		return false
	}
	elsewhere := map[string][]string{
		"accounts.google.com":    {"www.googleapis.com"},
		"securetoken.google.com": {"www.googleapis.com"},
		"sts.windows.net":        {"login.microsoftonline.com", "login.windows.net"},
	}
	return slices.ContainsFunc(elsewhere[strings.ToLower(issuer.Hostname())], func(host string) bool {
		return isOrigin(there, &url.URL{Scheme: "https", Host: host})
	})
}

// bearerTransport asks a second time, with a bearer, whoever answers a stranger with status 400 or more.
type bearerTransport struct {
	next   http.RoundTripper
	issuer string
	origin *url.URL
	bearer func() (secret.String, error) // may be nil
}

func (t bearerTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := t.next.RoundTrip(r)
	var status *statusError
	if t.bearer == nil || !errors.As(err, &status) || status.code < http.StatusBadRequest || !isOrigin(r.URL, t.origin) {
		return resp, err
	}
	token, ok := t.token()
	if !ok {
		return nil, err
	}
	again := r.Clone(r.Context())
	again.Header.Set("Authorization", "Bearer "+token)
	resp, err = t.next.RoundTrip(again)
	if errors.As(err, &status) {
		// What the other side says now may repeat the bearer.
		return nil, &statusError{code: status.code, text: statusText(status.code) + " (asked with the bearer for discovery)"}
	}
	return resp, err
}

// token returns the bearer if it is one of the issuer's own: whoever may write a configuration could have
// it sent to an address of his choice otherwise.
func (t bearerTransport) token() (string, bool) {
	bearer, err := t.bearer()
	if err != nil {
		return "", false
	}
	token := strings.TrimSpace(bearer.Reveal())
	issuer, err := UnverifiedIssuer(token)
	return token, err == nil && issuer == t.issuer
}
