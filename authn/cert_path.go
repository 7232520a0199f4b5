package authn

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"slices"
	"time"
)

const (
	maxPresented = 8 // certificates of a caller that are looked at
	maxPaths     = 4 // ways from a certificate to a root that are looked at
)

// certPath is one way from the leaf to a root. It is immutable.
type certPath struct {
	certs []*x509.Certificate // leaf first
	links []pathLink          // of every certificate but the root; never empty
}

// pathLink is a certificate of a path that can be revoked, and the one above that signed it.
type pathLink struct {
	cert, issuer *x509.Certificate
	signer       signerID
	points       []crlPoint
	err          *CertError // its points cannot be used
}

func newCertPath(certs []*x509.Certificate) certPath {
	p := certPath{certs: certs}
	for n := range max(1, len(certs)-1) {
		// A path of one is a leaf that is its own root, and signs its own list if any.
		l := pathLink{cert: certs[n], issuer: certs[min(n+1, len(certs)-1)]}
		l.signer = signerOf(l.issuer)
		l.points, l.err = crlPoints(l.cert)
		p.links = append(p.links, l)
	}
	return p
}

// current judges the validity periods.
func (p certPath) current(now time.Time) *CertError {
	for n, cert := range p.certs {
		whose := "Your certificate"
		if n > 0 {
			whose = "An authority above your certificate"
		}
		if err := outOfTime(cert, now, whose); err != nil {
			return err
		}
	}
	return nil
}

func outOfTime(cert *x509.Certificate, now time.Time, whose string) *CertError {
	switch {
	case now.After(cert.NotAfter):
		return &CertError{Fault: CertExpired, Text: whose + " has expired"}
	case now.Before(cert.NotBefore):
		return &CertError{Fault: CertNotActive, Text: whose + " is not active yet"}
	}
	return nil
}

// trace finds the paths of trust of the certificate presented, and fails if there is none. Its validity
// period is left to certPath.current.
func (c *ClientCerts) trace(state *tls.ConnectionState, now time.Time) ([]certPath, *CertError) {
	leaf := state.PeerCertificates[0]
	if leaf.IsCA || leaf.KeyUsage&x509.KeyUsageCertSign != 0 {
		return nil, &CertError{Fault: CertUsage, Text: "Your certificate is that of an authority, not of a client"}
	}
	if !forClients(leaf) {
		return nil, &CertError{Fault: CertUsage, Text: "Your certificate is not meant for client authentication"}
	}
	chains, err := c.chains(state, now)
	if err != nil {
		return nil, err
	}
	var paths []certPath
	for _, chain := range chains[:min(len(chains), maxPaths)] {
		if len(chain) > 0 && chain[0].Equal(leaf) && strong(chain) {
			paths = append(paths, newCertPath(chain))
		}
	}
	if len(paths) == 0 {
		return nil, &CertError{Fault: CertUntrusted, Text: "Your certificate is not trusted: a key or a signature is too weak"}
	}
	return paths, nil
}

// chains verifies the chain presented, or returns those the TLS listener verified.
func (c *ClientCerts) chains(state *tls.ConnectionState, now time.Time) ([][]*x509.Certificate, *CertError) {
	untrusted := &CertError{Fault: CertUntrusted, Text: "Your certificate is not signed by a trusted authority"}
	if c.roots == nil {
		if len(state.VerifiedChains) == 0 {
			return nil, untrusted
		}
		return state.VerifiedChains, nil
	}
	leaf := state.PeerCertificates[0]
	opts := x509.VerifyOptions{
		Roots: c.roots, Intermediates: x509.NewCertPool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		// A leaf out of its time is judged as of the nearest moment within it, so that trust is told apart from time.
		CurrentTime: within(now, leaf.NotBefore, leaf.NotAfter),
	}
	for _, cert := range state.PeerCertificates[1:min(len(state.PeerCertificates), maxPresented)] {
		opts.Intermediates.AddCert(cert)
	}
	chains, err := leaf.Verify(opts)
	var invalid x509.CertificateInvalidError
	switch {
	case err == nil:
		return chains, nil
	case errors.As(err, &invalid) && invalid.Reason == x509.IncompatibleUsage:
		return nil, &CertError{Fault: CertUsage, Text: "Your certificate is not meant for client authentication"}
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && invalid.Cert != nil:
		if err := outOfTime(invalid.Cert, opts.CurrentTime, "An authority above your certificate"); err != nil {
			return nil, err
		}
	}
	return nil, untrusted
}

func within(t, first, last time.Time) time.Time {
	switch {
	case t.Before(first):
		return first
	case t.After(last):
		return last
	}
	return t
}

// forClients reports whether the extended key usages of cert, if it has any, allow client authentication.
func forClients(cert *x509.Certificate) bool {
	if len(cert.ExtKeyUsage)+len(cert.UnknownExtKeyUsage) == 0 {
		return true
	}
	return slices.Contains(cert.ExtKeyUsage, x509.ExtKeyUsageClientAuth) || slices.Contains(cert.ExtKeyUsage, x509.ExtKeyUsageAny)
}

// strong reports whether no key of the chain and no signature below its root is too weak to be relied on.
func strong(chain []*x509.Certificate) bool {
	for n, cert := range chain {
		if !strongKey(cert.PublicKey) || n < len(chain)-1 && !strongSignature(cert.SignatureAlgorithm) {
			return false
		}
	}
	return true
}

func strongKey(key any) bool {
	switch k := key.(type) {
	case *rsa.PublicKey:
		return checkRSA(k) == nil
	case *ecdsa.PublicKey:
		return algorithmsFor(k) != 0
	case ed25519.PublicKey:
		return true
	}
	return false
}

func strongSignature(a x509.SignatureAlgorithm) bool {
	switch a {
	case x509.SHA256WithRSA, x509.SHA384WithRSA, x509.SHA512WithRSA,
		x509.SHA256WithRSAPSS, x509.SHA384WithRSAPSS, x509.SHA512WithRSAPSS,
		x509.ECDSAWithSHA256, x509.ECDSAWithSHA384, x509.ECDSAWithSHA512, x509.PureEd25519:
		return true
	}
	return false
}
