package authntest

import (
	"compress/gzip"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"slices"
	"time"
)

// CRLFault is a way the authority's revocation list goes wrong. The zero CRLFault is none.
type CRLFault struct {
	Status       int             // this status instead of 200
	Body         []byte          // this body instead of the truth
	Redirect     string          // a redirect to there
	Huge         bool            // a body of 1 GiB of zeros
	GzipBomb     bool            // the same, compressed to little
	Hang         <-chan struct{} // no answer until the channel is closed
	Drip         bool            // one byte now and then, for ever
	Abort        bool            // the connection is cut without an answer
	PEM          bool            // PEM, which some authorities serve
	Signer       *CA             // signed with this authority's key, in our name
	Issuer       *CA             // issued and signed by this authority
	ThisUpdate   time.Duration   // from now, instead of a minute ago
	NextUpdate   time.Duration   // from now, instead of an hour ahead
	NoNextUpdate bool
	Extensions   []pkix.Extension // added to the list
	Entry        []pkix.Extension // added to every entry
	Number       int64            // instead of one more than before
	Signature    x509.SignatureAlgorithm
}

// SetCRLFault makes the list wrong by f until the next call; SetCRLFault(CRLFault{}) heals it.
func (ca *CA) SetCRLFault(f CRLFault) {
	ca.mu.Lock()
	defer ca.mu.Unlock()
	ca.fault = f
}

// Revoke puts serial on the list.
func (ca *CA) Revoke(serial *big.Int) {
	ca.mu.Lock()
	defer ca.mu.Unlock()
	ca.revoked = append(ca.revoked, x509.RevocationListEntry{SerialNumber: serial, RevocationTime: ca.Clock.Now().Add(-time.Minute)})
}

// CRLFetches says how many requests for the list have come, under whatever path.
func (ca *CA) CRLFetches() int {
	ca.mu.Lock()
	defer ca.mu.Unlock()
	return ca.fetches
}

// CRL returns the list as it is served now, in DER.
func (ca *CA) CRL() ([]byte, error) {
	ca.mu.Lock()
	defer ca.mu.Unlock()
	return ca.crlLocked()
}

func (ca *CA) crlLocked() ([]byte, error) {
	f := ca.fault
	ca.number++
	now := ca.Clock.Now()
	if f.ThisUpdate == 0 {
		f.ThisUpdate = -time.Minute
	}
	if f.NextUpdate == 0 {
		f.NextUpdate = time.Hour
	}
	list := &x509.RevocationList{
		Number: big.NewInt(ca.number), ThisUpdate: now.Add(f.ThisUpdate), NextUpdate: now.Add(f.NextUpdate),
		RevokedCertificateEntries: slices.Clone(ca.revoked), ExtraExtensions: f.Extensions,
		SignatureAlgorithm: f.Signature,
	}
	if f.Number != 0 {
		list.Number = big.NewInt(f.Number)
	}
	for n := range list.RevokedCertificateEntries {
		list.RevokedCertificateEntries[n].ExtraExtensions = f.Entry
	}
	issuer, key := ca.Cert, ca.key
	if f.Issuer != nil {
		issuer, key = f.Issuer.Cert, f.Issuer.key
	}
	if f.Signer != nil {
		forged := *issuer
		forged.PublicKey = f.Signer.key.Public()
		issuer, key = &forged, f.Signer.key
	}
	if f.NoNextUpdate {
		return crlWithoutNextUpdate(list, issuer, key)
	}
	return x509.CreateRevocationList(rand.Reader, list, issuer, key)
}

// ServeHTTP serves the list under every path.
func (ca *CA) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ca.mu.Lock()
	ca.fetches++
	f := ca.fault
	der, err := f.Body, error(nil)
	if der == nil {
		der, err = ca.crlLocked()
	}
	ca.mu.Unlock()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if f.Hang != nil {
		select {
		case <-f.Hang:
		case <-r.Context().Done():
		}
	}
	switch {
	case f.Abort:
		panic(http.ErrAbortHandler)
	case f.Redirect != "":
		http.Redirect(w, r, f.Redirect, http.StatusFound)
	case f.Drip:
		drip(w, r)
	case f.GzipBomb:
		w.Header().Set("Content-Encoding", "gzip")
		zw := gzip.NewWriter(w)
		zeros(zw)
		_ = zw.Close()
	case f.Huge:
		zeros(w)
	case f.Status != 0:
		w.WriteHeader(f.Status)
		_, _ = w.Write(der)
	case f.PEM:
		_ = pem.Encode(w, &pem.Block{Type: "X509 CRL", Bytes: der})
	default:
		w.Header().Set("Content-Type", "application/pkix-crl")
		_, _ = w.Write(der)
	}
}

// zeros writes up to 1 GiB, and stops when the reader does.
func zeros(w io.Writer) {
	chunk := make([]byte, 1<<20)
	for range 1 << 10 {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}
