package authn

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// fetchTimeout bounds one whole fetch, discovery included, however slowly the bytes drip (specs K5).
const fetchTimeout = 5 * time.Second

var errRedirect = errors.New("answered with a redirect, which is never followed; set jwks_url to the final address")

// keySource fetches the bytes of a JWK set. It is used by one goroutine at a time.
type keySource interface {
	fetch(ctx context.Context) ([]byte, error)
}

// fileSource reads a JWK set from a file.
type fileSource struct{ path string }

func (s fileSource) fetch(context.Context) ([]byte, error) { return s.read() }

func (s fileSource) read() ([]byte, error) {
	f, err := os.Open(s.path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxJWKSBytes+1))
}

// remoteSource fetches a JWK set over HTTP, from jwksURL or, if that is empty, from where the issuer's
// discovery document says.
type remoteSource struct {
	client  *http.Client
	issuer  string
	jwksURL string // configured
	maxAge  time.Duration
	now     func() time.Time

	found   string // discovered
	foundAt time.Time
}

func (s *remoteSource) fetch(ctx context.Context) ([]byte, error) {
	address := s.jwksURL
	if address == "" {
		if s.found == "" || s.now().Sub(s.foundAt) >= s.maxAge {
			found, err := s.discover(ctx)
			if err != nil {
				return nil, fmt.Errorf("discovery: %w", err)
			}
			s.found, s.foundAt = found, s.now()
		}
		address = s.found
	}
	data, err := s.get(ctx, address)
	if err != nil {
		s.found = "" // the keys may have moved: ask again where they are
		return nil, fmt.Errorf("key set: %w", err)
	}
	return data, nil
}

// discover returns the jwks_uri of the issuer's discovery document. A document that names another
// issuer is refused by go-oidc; one that sends us to another host is refused here, since that is how a
// borrowed page would bring in its own keys (specs K7).
func (s *remoteSource) discover(ctx context.Context) (string, error) {
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, s.client), s.issuer)
	if err != nil {
		return "", withoutURL(err)
	}
	var doc struct {
		JWKSURI string `json:"jwks_uri"`
	}
	if err := provider.Claims(&doc); err != nil || doc.JWKSURI == "" {
		return "", errors.New("the document has no jwks_uri; set jwks_url or jwks_file")
	}
	there, err := url.Parse(doc.JWKSURI)
	if err != nil {
		return "", errors.New("the document's jwks_uri is not a URL; set jwks_url or jwks_file")
	}
	here, err := url.Parse(s.issuer)
	if err != nil {
		return "", errors.New("the issuer is not a URL")
	}
	if there.Scheme != here.Scheme || there.User != nil || hostAndPort(there) != hostAndPort(here) {
		return "", fmt.Errorf("the document's jwks_uri is at another origin (%.200q); "+
			"if the issuer publishes its keys there, set jwks_url to it", doc.JWKSURI)
	}
	return doc.JWKSURI, nil
}

func hostAndPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	return strings.ToLower(u.Hostname()) + ":" + port
}

func (s *remoteSource) get(ctx context.Context, address string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, errors.New("not a URL")
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, withoutURL(err)
	}
	defer resp.Body.Close()
	return io.ReadAll(resp.Body)
}

// withoutURL drops the URL from err: a query in it is nobody's business in a log.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// newFetchClient makes the client for one issuer, or for revocation lists. Its requests are bounded by their context. It uses no
// proxy, since the guard must see the address that is really dialled, and keeps no connection, so that
// none outlives its owner.
//
// Answers end one byte after limit, and redirect is the error for those that lead elsewhere.
func newFetchClient(guard addressGuard, roots *x509.CertPool, limit int64, redirect error) *http.Client {
	dialer := &net.Dialer{Control: guard.control}
	return &http.Client{Transport: strictTransport{next: &http.Transport{
		DialContext:            dialer.DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		MaxResponseHeaderBytes: 64 << 10,
		DisableKeepAlives:      true,
		DisableCompression:     true, // a compressed bomb is then only bytes that mean nothing
	}, limit: limit, redirect: redirect}}
}

// strictTransport lets only uncompressed answers with status 200 through, so that no redirect is ever
// followed (specs K5), and ends them one byte after the limit, which parseJWKS and fetch of a list refuse and
// which go-oidc can only take for broken JSON. Being below go-oidc, it also keeps that from copying an error page of
// any size into an error text.
type strictTransport struct {
	next     http.RoundTripper
	limit    int64
	redirect error
}

func (t strictTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := t.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	switch {
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		err = t.redirect
	case resp.StatusCode != http.StatusOK:
		err = fmt.Errorf("answered with status %d", resp.StatusCode)
	case resp.Header.Get("Content-Encoding") != "" && resp.Header.Get("Content-Encoding") != "identity":
		err = errors.New("answered with a content encoding nobody asked for")
	}
	if err != nil {
		resp.Body.Close()
		return nil, err
	}
	resp.Body = &limitedBody{Reader: io.LimitReader(resp.Body, t.limit+1), Closer: resp.Body}
	return resp, nil
}

type limitedBody struct {
	io.Reader
	io.Closer
}
