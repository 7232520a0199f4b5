package authn

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net"
	"os"
	"time"

	"go.uber.org/zap"

	"github.com/authgate/authgate/internal/fault"
)

// ClientCertConfig says which client certificates are accepted.
type ClientCertConfig struct {
	// CAFile is a PEM file of the only trusted roots: with it the chain is judged here at each request,
	// whatever the TLS listener did, so that a session resumed from before a root was removed is refused.
	// Empty: the chains that the TLS listener verified count, and nothing else does.
	CAFile string
	// SkipChecks leaves out the checks of host, of the certificate's own time and of revocation
	// (verify_certificate off). Trust and purpose are always judged, for a certificate out of its time as of
	// the nearest moment within it.
	SkipChecks bool
	// VerifyHost wants a name of the certificate to be one that the caller's address resolves to. Whoever
	// owns an address chooses its name, so this adds to the other checks and replaces none.
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

// ClientCerts judges client certificates. It is safe for concurrent use. Revocation lists are fetched when
// the first certificate that names one is judged, and not before.
type ClientCerts struct {
	cfg    ClientCertConfig
	now    func() time.Time
	lookup func(ctx context.Context, addr string) ([]string, error)
	roots  *x509.CertPool
	paths  *pathCache
	crls   *crlStore
}

// NewClientCerts reads CAFile, whose mistakes are fault.Invalid (specs M1). It makes no connection. The
// caller must Close the result.
func NewClientCerts(cfg ClientCertConfig, deps ClientCertDeps) (*ClientCerts, error) {
	if deps.Logger == nil {
		deps.Logger = zap.NewNop()
	}
	if deps.Now == nil {
		deps.Now = time.Now
	}
	if deps.LookupAddr == nil {
		deps.LookupAddr = net.DefaultResolver.LookupAddr
	}
	c := &ClientCerts{cfg: cfg, now: deps.Now, lookup: deps.LookupAddr, paths: newPathCache()}
	var authorities []*x509.Certificate
	if cfg.CAFile != "" {
		var err error
		if authorities, err = readCAFile(cfg.CAFile); err != nil {
			return nil, err
		}
		c.roots = x509.NewCertPool()
		for _, a := range authorities {
			c.roots.AddCert(a)
		}
	}
	c.crls = newCRLStore(cfg.AllowPrivateAddresses, authorities, deps.Now, deps.Logger)
	return c, nil
}

// readCAFile wants every certificate of the file to be readable: one that is left out silently would be
// missed only when its clients are locked out.
func readCAFile(name string) ([]*x509.Certificate, error) {
	invalid := func(format string, args ...any) error {
		return fault.New(fault.Invalid, "x509", "ca", format, args...)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, invalid("%w", err)
	}
	var list []*x509.Certificate
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, invalid("certificate %d of the file cannot be read: %w", len(list)+1, err)
		}
		list = append(list, cert)
	}
	if len(list) == 0 {
		return nil, invalid("no PEM certificate in the file; give one with the roots of your clients")
	}
	return list, nil
}

// Check returns the certificate presented on the connection if it is to be trusted now. Otherwise the
// error is a *CertError. It waits for the resolver and for revocation lists no longer than ctx allows.
func (c *ClientCerts) Check(ctx context.Context, state *tls.ConnectionState, remoteAddr string) (*x509.Certificate, error) {
	leaf := presented(state)
	if leaf == nil {
		return nil, &CertError{Fault: CertMissing, Text: "No certificate provided"}
	}
	now := c.now()
	v := c.judge(state, now)
	if v.err != nil {
		return nil, v.err
	}
	if c.cfg.SkipChecks {
		return leaf, nil
	}
	if c.cfg.VerifyHost {
		if err := c.checkHost(ctx, leaf, remoteAddr); err != nil {
			return nil, err
		}
	}
	// One path without a fault is enough (RFC 5280 section 6.1); if there is none, the first tells.
	var first *CertError
	for _, p := range v.paths {
		err := c.checkPath(ctx, p, now)
		if err == nil {
			return leaf, nil
		}
		if first == nil {
			first = err
		}
	}
	return nil, first
}

// checkPath judges what changes with time: validity and revocation.
func (c *ClientCerts) checkPath(ctx context.Context, p certPath, now time.Time) *CertError {
	if err := p.current(now); err != nil {
		return err
	}
	if p.links[0].err == nil && len(p.links[0].points) == 0 {
		return &CertError{Fault: CertNoCRLPoint, Text: "Your certificate is invalid. No CRLDistributionPoints found on the certificate"}
	}
	for _, l := range p.links {
		if l.err != nil {
			return l.err
		}
		for _, point := range l.points {
			if err := c.crls.check(ctx, l, point); err != nil {
				return err
			}
		}
	}
	return nil
}

// Roots returns the certificates of CAFile, nil without one. It must not be changed.
func (c *ClientCerts) Roots() *x509.CertPool { return c.roots }

// Close stops fetches under way and waits for them. Lists at hand stay usable until they end, for the
// requests that outlive a reload; nothing is fetched any more. It may be called more than once.
func (c *ClientCerts) Close() { c.crls.close() }
