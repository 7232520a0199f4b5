package authn

import (
	"context"
	"errors"
	"fmt"
	"io"
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
	jwksURL string        // configured
	maxAge  time.Duration // of what was discovered
	now     func() time.Time
	place   func(issuer string, doc discovered) (string, error) // where the key set is, by the document

	found   string // discovered
	foundAt time.Time
}

func (s *remoteSource) fetch(ctx context.Context) ([]byte, error) {
	address, err := s.locate(ctx)
	if err != nil {
		return nil, fmt.Errorf("discovery: %w", withoutURL(err))
	}
	data, err := s.get(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("key set: %w", withoutURL(err))
	}
	return data, nil
}

// locate returns where the key set is, and asks for the issuer's discovery document if need be. A document
// that names another issuer is refused by go-oidc.
func (s *remoteSource) locate(ctx context.Context) (string, error) {
	if s.jwksURL != "" {
		return s.jwksURL, nil
	}
	if s.found != "" && s.now().Sub(s.foundAt) < s.maxAge {
		return s.found, nil
	}
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, s.client), s.issuer)
	if err != nil {
		return "", err
	}
	var doc discovered
	if err := provider.Claims(&doc); err != nil {
		return "", fmt.Errorf("the document cannot be read: %w", err)
	}
	address, err := s.place(s.issuer, doc)
	if err != nil {
		return "", err
	}
	s.found, s.foundAt = address, s.now()
	return address, nil
}

// discovered are the members of a discovery document that matter here.
type discovered struct {
	JWKSURI    string   `json:"jwks_uri"`
	Algorithms []string `json:"id_token_signing_alg_values_supported"`
}

// sameOrigin is the place of a key set that a document may name. One that sends us to another host is
// refused, since that is how a borrowed page would bring in its own keys (specs K7).
func sameOrigin(issuer string, doc discovered) (string, error) {
	if doc.JWKSURI == "" {
		return "", errors.New("the document has no jwks_uri; set jwks_url or jwks_file")
	}
	there, err := url.Parse(doc.JWKSURI)
	if err != nil {
		return "", errors.New("the document's jwks_uri is not a URL; set jwks_url or jwks_file")
	}
	here, err := url.Parse(issuer)
	if err != nil {
		return "", errors.New("the issuer is not a URL")
	}
	if !isOrigin(there, here) {
		return "", fmt.Errorf("the document's jwks_uri is %w (%.200q); "+
			"if the issuer publishes its keys there, set jwks_url to it", errOtherOrigin, doc.JWKSURI)
	}
	return doc.JWKSURI, nil
}

var errOtherOrigin = errors.New("at another origin")

// isOrigin reports whether u is at the origin of o, and brings no credentials along.
func isOrigin(u, o *url.URL) bool {
	return u.Scheme == o.Scheme && u.User == nil && hostAndPort(u) == hostAndPort(o)
}

func hostAndPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	return strings.ToLower(u.Hostname()) + ":" + port
}

// get fetches the key set. After a failure the next fetch asks again where it is: it may have moved.
func (s *remoteSource) get(ctx context.Context, address string) (data []byte, err error) {
	defer func() {
		if err != nil {
			s.found = ""
		}
	}()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, errors.New("not a URL")
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if data, err = io.ReadAll(resp.Body); err != nil {
		return nil, &url.Error{Op: "Get", URL: address, Err: err}
	}
	return data, nil
}

// withoutURL drops the URL from err: a query in it is nobody's business in a log.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
