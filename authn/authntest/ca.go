package authntest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// CA is a small certificate authority for client certificates, with a revocation list served on loopback.
// It is safe for concurrent use. Its server is shut down when the test ends.
type CA struct {
	Cert   *x509.Certificate
	Clock  *Clock // what the times of its certificates and lists are taken from
	CRLURL string // of its revocation list, named in every certificate it issues

	key    crypto.Signer
	parent *CA
	file   string
	server *httptest.Server

	mu      sync.Mutex
	revoked []x509.RevocationListEntry
	number  int64
	fault   CRLFault
	fetches int
}

// CAOption changes how NewCA and Intermediate make a CA.
type CAOption func(*caOptions)

type caOptions struct {
	clock *Clock
	spec  CertSpec
}

// CAClock gives the authority a clock to share with the code under test.
func CAClock(c *Clock) CAOption { return func(o *caOptions) { o.clock = c } }

// CASpec chooses the fields of the authority's own certificate; IsCA is set whatever it says.
func CASpec(spec CertSpec) CAOption { return func(o *caOptions) { o.spec = spec } }

// NewCA makes a root with a P-256 key and starts the server of its list.
func NewCA(t testing.TB, opts ...CAOption) *CA {
	t.Helper()
	return newCA(t, nil, opts)
}

// Intermediate makes an authority below ca, with a list of its own. Certificates it issues bring its
// certificate along. Unless the options say otherwise, its own names no revocation list.
func (ca *CA) Intermediate(t testing.TB, opts ...CAOption) *CA {
	t.Helper()
	return newCA(t, ca, append([]CAOption{CAClock(ca.Clock)}, opts...))
}

func newCA(t testing.TB, parent *CA, opts []CAOption) *CA {
	t.Helper()
	o := caOptions{}
	for _, opt := range opts {
		opt(&o)
	}
	if o.clock == nil {
		o.clock = NewClock()
	}
	spec := o.spec
	spec.IsCA = true
	if spec.CRLPoints == nil {
		spec.CRLPoints = []string{}
	}
	if spec.RawSubject == nil && spec.Subject.String() == "" {
		spec.Subject = pkix.Name{CommonName: fmt.Sprintf("CA %x", serialNumber(t).Bytes()[:4]), Organization: []string{"Test"}}
	}
	if spec.NotAfter.IsZero() {
		spec.NotAfter = o.clock.Now().Add(10 * 365 * 24 * time.Hour)
	}
	ca := &CA{Clock: o.clock, parent: parent}
	issuer := parent
	if issuer == nil {
		issuer = ca
	}
	cert := issuer.Issue(t, spec)
	ca.Cert, ca.key = cert.Leaf, cert.PrivateKey.(crypto.Signer)
	ca.file = filepath.Join(t.TempDir(), "client-ca.pem")
	writePEM(t, ca.file, ca.Cert.Raw)
	ca.server = httptest.NewServer(ca)
	ca.CRLURL = ca.server.URL + "/ca.crl"
	t.Cleanup(ca.server.Close)
	return ca
}

func writePEM(t testing.TB, name string, der []byte) {
	t.Helper()
	if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatalf("authntest: %v", err)
	}
}

// File returns the name of a PEM file with the authority's certificate. It is gone when the test ends.
func (ca *CA) File() string { return ca.file }

// Pool returns a pool with the authority's certificate.
func (ca *CA) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(ca.Cert)
	return pool
}

// CertSpec chooses the fields of a certificate. The zero CertSpec is a client certificate with a P-256 key and
// the common name "client", good from an hour ago for a day.
type CertSpec struct {
	Subject             pkix.Name
	RawSubject          []byte // DER, instead of Subject
	DNSNames            []string
	IPAddresses         []net.IP
	EmailAddresses      []string
	NotBefore, NotAfter time.Time
	Serial              *big.Int
	ExtKeyUsage         []x509.ExtKeyUsage // nil: client authentication; empty: no such extension
	CRLPoints           []string           // nil: the authority's own; empty: none
	Extra               []pkix.Extension
	IsCA                bool
	KeyUsage            x509.KeyUsage // zero: what befits the certificate
	Key                 crypto.Signer
	Signature           x509.SignatureAlgorithm
}

// Issue makes a certificate with its chain, without the root.
func (ca *CA) Issue(t testing.TB, spec CertSpec) tls.Certificate {
	t.Helper()
	now := ca.Clock.Now()
	if spec.NotBefore.IsZero() {
		spec.NotBefore = now.Add(-time.Hour)
	}
	if spec.NotAfter.IsZero() {
		spec.NotAfter = now.Add(24 * time.Hour)
	}
	if spec.Serial == nil {
		spec.Serial = serialNumber(t)
	}
	if spec.Key == nil {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatalf("authntest: %v", err)
		}
		spec.Key = key
	}
	if spec.CRLPoints == nil {
		spec.CRLPoints = []string{ca.CRLURL}
	}
	if spec.RawSubject == nil && spec.Subject.String() == "" {
		spec.Subject.CommonName = "client"
	}
	template := &x509.Certificate{
		SerialNumber: spec.Serial, Subject: spec.Subject, RawSubject: spec.RawSubject,
		NotBefore: spec.NotBefore, NotAfter: spec.NotAfter, KeyUsage: spec.KeyUsage,
		DNSNames: spec.DNSNames, IPAddresses: spec.IPAddresses, EmailAddresses: spec.EmailAddresses,
		CRLDistributionPoints: spec.CRLPoints, ExtraExtensions: spec.Extra, ExtKeyUsage: spec.ExtKeyUsage,
		BasicConstraintsValid: true, IsCA: spec.IsCA, SignatureAlgorithm: spec.Signature,
	}
	switch {
	case spec.IsCA && spec.KeyUsage == 0:
		template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	case !spec.IsCA && spec.KeyUsage == 0:
		template.KeyUsage = x509.KeyUsageDigitalSignature
	}
	if spec.ExtKeyUsage == nil && !spec.IsCA {
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	}
	parent, signer := ca.Cert, ca.key
	if parent == nil { // it is making its own
		parent, signer = template, spec.Key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, spec.Key.Public(), signer)
	if err != nil {
		t.Fatalf("authntest: %v", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatalf("authntest: %v", err)
	}
	cert := tls.Certificate{Certificate: [][]byte{der}, PrivateKey: spec.Key, Leaf: leaf}
	for above := ca; above.parent != nil && above.Cert != nil; above = above.parent {
		cert.Certificate = append(cert.Certificate, above.Cert.Raw)
	}
	return cert
}

func serialNumber(t testing.TB) *big.Int {
	t.Helper()
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		t.Fatalf("authntest: %v", err)
	}
	return n.SetBit(n, 119, 1)
}
