//go:build !authgate_sidecar

package caddymodule

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// demoLife is how long the demo's certificates and its revocation list are good.
const demoLife = 24 * time.Hour

// demoCA is the certificate authority of the demo: it vouches for the service, the gateway and one caller.
type demoCA struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	dir  string
	list []byte // its certificate revocation list, empty of revocations
}

func newDemoCA(dir string) (*demoCA, error) {
	ca := &demoCA{dir: dir}
	var err error
	if ca.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, err
	}
	now := time.Now()
	made := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authgate demo CA"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(demoLife), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, made, made, ca.key.Public(), ca.key)
	if err != nil {
		return nil, err
	}
	if ca.cert, err = x509.ParseCertificate(der); err != nil {
		return nil, err
	}
	list := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: now.Add(-time.Hour), NextUpdate: now.Add(demoLife)}
	if ca.list, err = x509.CreateRevocationList(rand.Reader, list, ca.cert, ca.key); err != nil {
		return nil, err
	}
	return ca, writePEM(ca.file("ca.pem"), "CERTIFICATE", der)
}

func (ca *demoCA) file(name string) string { return filepath.Join(ca.dir, name) }

// serveList answers with the revocation list that the certificates of issue point to.
func (ca *demoCA) serveList(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/pkix-crl")
	_, _ = w.Write(ca.list)
}

// issue writes <name>.pem and <name>-key.pem: a certificate for loopback, good for servers and clients.
func (ca *demoCA) issue(name string, serial int64, subject pkix.Name, listURL string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	cert := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: subject, NotBefore: ca.cert.NotBefore, NotAfter: ca.cert.NotAfter,
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		CRLDistributionPoints: []string{listURL},
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, ca.cert, key.Public(), ca.key)
	if err != nil {
		return err
	}
	if err := writePEM(ca.file(name+".pem"), "CERTIFICATE", der); err != nil {
		return err
	}
	if der, err = x509.MarshalPKCS8PrivateKey(key); err != nil {
		return err
	}
	return writePEM(ca.file(name+"-key.pem"), "PRIVATE KEY", der)
}

func writePEM(path, kind string, der []byte) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}
