package authn

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"time"

	"go.uber.org/zap"
)

// ClientCertConfig says which client certificates are accepted.
type ClientCertConfig struct {
	// CAFile is a PEM file of the only trusted roots. Empty: what the TLS listener verified counts.
	CAFile string
	// SkipChecks leaves out the checks of host, time and revocation (verify_certificate off). Trust is
	// always judged.
	SkipChecks bool
	// VerifyHost wants a name of the certificate to be one that the caller's address resolves to.
	VerifyHost bool
	// AllowPrivateAddresses lets revocation lists be on private and loopback addresses. Link-local and
	// metadata addresses stay refused.
	AllowPrivateAddresses bool
}

// ClientCertDeps are what ClientCerts need from their surroundings. Zero fields mean: no log, the system
// clock, the system's resolver.
type ClientCertDeps struct {
	Logger     *zap.Logger
	Now        func() time.Time
	LookupAddr func(ctx context.Context, addr string) ([]string, error)
}

// ClientCerts judges client certificates. It is safe for concurrent use.
type ClientCerts struct {
	cfg   ClientCertConfig
	deps  ClientCertDeps
	roots *x509.CertPool
}

// NewClientCerts reads CAFile, whose mistakes are fault.Invalid (specs M1). It makes no connection. The
// caller must Close the result.
func NewClientCerts(cfg ClientCertConfig, deps ClientCertDeps) (*ClientCerts, error) {
	return nil, errors.New("not implemented")
}

// Check returns the certificate presented on the connection if it is to be trusted now. Otherwise the
// error is a *CertError.
func (c *ClientCerts) Check(ctx context.Context, state *tls.ConnectionState, remoteAddr string) (*x509.Certificate, error) {
	return nil, &CertError{Fault: CertUntrusted, Text: "not implemented"}
}

// Roots returns the certificates of CAFile, nil without one. It must not be changed.
func (c *ClientCerts) Roots() *x509.CertPool { return c.roots }

// Close stops fetches under way and waits for them. It may be called more than once.
func (c *ClientCerts) Close() {}
