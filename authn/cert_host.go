package authn

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"strings"
	"time"
)

const (
	reverseTimeout = 5 * time.Second
	maxHostNames   = 32 // names of one address that are compared
)

// checkHost wants one of the names of the caller's address to be one of the certificate's. The texts are
// upstream's: Go's own, without the address of the resolver.
func (c *ClientCerts) checkHost(ctx context.Context, cert *x509.Certificate, remoteAddr string) *CertError {
	host, _, err := net.SplitHostPort(remoteAddr)
	if err == nil {
		_, err = netip.ParseAddr(host)
	}
	if err != nil {
		return &CertError{Fault: CertAddress, Text: shortText(err)}
	}
	ctx, cancel := context.WithTimeout(ctx, reverseTimeout)
	defer cancel()
	names, err := c.lookup(ctx, host)
	if err == nil && len(names) == 0 {
		err = &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	if err != nil {
		return reverseLookupError(host, err)
	}
	for _, name := range names[:min(len(names), maxHostNames)] {
		if err = cert.VerifyHostname(strings.TrimSuffix(name, ".")); err == nil {
			return nil
		}
	}
	return &CertError{Fault: CertHostMismatch, Text: shortText(err)}
}

func reverseLookupError(host string, err error) *CertError {
	told := net.DNSError{Err: "the resolver does not answer", Name: host}
	known := false
	var dns *net.DNSError
	if errors.As(err, &dns) {
		told.Err, known = dns.Err, dns.IsNotFound
	}
	return &CertError{Fault: CertReverseLookup, Text: shortText(&told), unsure: !known}
}
