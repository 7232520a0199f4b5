package authmethods

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/authgate/authgate/authn"
)

const (
	retrieveTimeout = 10 * time.Second
	connectTimeout  = 5 * time.Second
	maxAnswer       = 1 << 20  // bytes of an external service's answer, decompressed
	maxAnswerHeader = 64 << 10 // and of its headers
	maxConnsPerHost = 64
	maxIdleConns    = 64
)

// retriever calls external services: no redirects (they would take the credential elsewhere), no cookies,
// no proxy, no addresses an external service has no business on (specs K6), bounded in time and size.
type retriever struct {
	client    *http.Client
	transport *http.Transport
	timeout   time.Duration
	closed    atomic.Bool
}

func newRetriever(cfg RetrieveConfig) *retriever {
	d := &net.Dialer{Timeout: connectTimeout, Control: authn.DialControl(cfg.AllowPrivateAddresses)}
	t := &http.Transport{
		DialContext:            d.DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    connectTimeout,
		MaxIdleConns:           maxIdleConns,
		MaxIdleConnsPerHost:    4,
		MaxConnsPerHost:        maxConnsPerHost,
		IdleConnTimeout:        30 * time.Second,
		MaxResponseHeaderBytes: maxAnswerHeader,
		ForceAttemptHTTP2:      true,
	}
	if cfg.Roots != nil {
		t.DialTLSContext = dialTLS(d, cfg.Roots)
	}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &retriever{client: &http.Client{Transport: t, CheckRedirect: stay}, transport: t, timeout: retrieveTimeout}
}

func (c *retriever) close() {
	c.closed.Store(true)
	c.transport.CloseIdleConnections()
}

// get sends r and returns what a successful answer held. Its errors are of kind Internal with a MapError:
// the URL, the credential, the answer and the texts of net/http, which quote all three, stay out.
func (c *retriever) get(ctx context.Context, r *http.Request) ([]byte, error) {
	// The values of ctx stay behind: with a caller's httptrace this service's informational responses
	// would be passed on to the caller's client.
	ctx, cancel := context.WithTimeout(valueless{ctx}, c.timeout)
	defer cancel()
	r = r.WithContext(ctx)
	r.Close = c.closed.Load()
	resp, err := c.client.Do(r)
	if err != nil {
		return nil, mapError("%s", failureText(ctx, err))
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return nil, mapError("the external service answered with status %d", resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err == nil {
		err = ctx.Err() // a service that hears us hang up may end its answer, as if that were all of it
	}
	switch {
	case err != nil:
		return nil, mapError("%s", failureText(ctx, err))
	case len(body) > maxAnswer:
		return nil, mapError("the answer of the external service is too large")
	}
	return body, nil
}

// failureText says what kind of failure err is.
func failureText(ctx context.Context, err error) string {
	var timeout interface{ Timeout() bool }
	var dial *net.OpError
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var name x509.HostnameError
	switch {
	case ctx.Err() != nil, errors.As(err, &timeout) && timeout.Timeout():
		return "the external service did not answer in time"
	case errors.As(err, &unknown), errors.As(err, &invalid), errors.As(err, &name):
		return "the certificate of the external service is not valid"
	case errors.As(err, &dial) && dial.Op == "dial":
		return "no connection to the external service can be made"
	}
	return "the answer of the external service cannot be read"
}

// dialTLS dials like net/http but for one thing: the server's certificate may come from either the
// system's roots or from these. Pools cannot be joined, so verification is done here, once against each.
func dialTLS(d *net.Dialer, roots *x509.CertPool) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		host, _, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, err
		}
		raw, err := d.DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		conn := tls.Client(raw, &tls.Config{
			ServerName: host, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
			InsecureSkipVerify: true, // VerifyConnection does it, for every connection
			VerifyConnection:   func(s tls.ConnectionState) error { return verifyServer(s, host, roots) },
		})
		ctx, cancel := context.WithTimeout(ctx, connectTimeout)
		defer cancel()
		if err := conn.HandshakeContext(ctx); err != nil {
			_ = raw.Close()
			return nil, err
		}
		return conn, nil
	}
}

func verifyServer(s tls.ConnectionState, host string, roots *x509.CertPool) error {
	if len(s.PeerCertificates) == 0 {
		return x509.UnknownAuthorityError{}
	}
	opts := x509.VerifyOptions{DNSName: host, Intermediates: x509.NewCertPool(), Roots: roots}
	for _, cert := range s.PeerCertificates[1:] {
		opts.Intermediates.AddCert(cert)
	}
	leaf := s.PeerCertificates[0]
	_, err := leaf.Verify(opts)
	if err == nil && !slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageServerAuth) {
		// These roots vouch for clients as well, and Verify takes a certificate that names no usage, or any,
		// for a server's: a client could pose as the service and be sent the credential.
		err = x509.CertificateInvalidError{Cert: leaf, Reason: x509.IncompatibleUsage}
	}
	if err != nil {
		opts.Roots = nil // the system's
		_, err = leaf.Verify(opts)
	}
	return err
}

// valueless is a context without values.
type valueless struct{ context.Context }

// Value implements context.Context.
func (valueless) Value(any) any { return nil }
