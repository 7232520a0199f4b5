package authmethods

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/authgate/authgate/authn"
)

// CertAuthenticator returns the Authenticator of client certificates: one that certs accepts, and whose
// subject some active x509 binding names, is the caller of that name. The Principal's ID is the subject,
// its Issuer the issuer's subject, its Attrs the names of those bindings ("binding"), the certificate's
// alternative names ("dns", "email", "uri"), its "serial" in hex and "fingerprint" (SHA-256). A request
// with an Authorization header is not its own: whoever presents a token is who that says, or nobody
// (specs J18).
func (s *Service) CertAuthenticator(certs *authn.ClientCerts) authn.Authenticator {
	return &certAuthenticator{s: s, certs: certs}
}

type certAuthenticator struct {
	s     *Service
	certs *authn.ClientCerts
}

var _ authn.Authenticator = (*certAuthenticator)(nil)

// Authenticate implements authn.Authenticator.
func (a *certAuthenticator) Authenticate(ctx context.Context, c authn.Credential) (*authn.Principal, error) {
	if c.Scheme != "" || !c.Token.Empty() {
		return nil, authn.ErrNotMine
	}
	if c.Cert() == nil {
		return nil, authn.ErrNoCredential
	}
	cert, err := a.certs.Check(ctx, c.TLS, c.RemoteAddr)
	if err != nil {
		return nil, err
	}
	dn := authn.SubjectDN(cert)
	names, err := a.s.activeBindings(ctx, AuthTypeX509, dn)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", authn.ErrUnavailable, err)
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%w: no active binding names the certificate's subject", authn.ErrRejected)
	}
	return principalOf(cert, dn, names), nil
}

func principalOf(cert *x509.Certificate, dn string, bindings []string) *authn.Principal {
	attrs := map[string][]string{"binding": bindings}
	add := func(name string, values ...string) {
		if len(values) > 0 {
			attrs[name] = values
		}
	}
	add("dns", cert.DNSNames...)
	add("email", cert.EmailAddresses...)
	for _, u := range cert.URIs {
		attrs["uri"] = append(attrs["uri"], u.String())
	}
	if cert.SerialNumber != nil {
		add("serial", cert.SerialNumber.Text(16))
	}
	sum := sha256.Sum256(cert.Raw)
	add("fingerprint", hex.EncodeToString(sum[:]))
	return &authn.Principal{
		ID: dn, Kind: "binding", Issuer: cert.Issuer.String(), Method: authn.MethodMTLS,
		Attrs: authn.NewAttrs(attrs), NotAfter: cert.NotAfter,
	}
}

var errUnreadableBinding = errors.New("a binding of this identity cannot be read")

// activeBindings returns the names of the active bindings of an identity, sorted. If there is none to be
// read it may be one of those that cannot be: that is an error.
func (s *Service) activeBindings(ctx context.Context, authType, identifier string) ([]string, error) {
	if identifier == "" {
		return nil, nil
	}
	items, err := s.rec.bindings.Find(ctx, byIdentifier, identityKey(authType, identifier))
	if err != nil {
		return nil, err
	}
	var names []string
	var doubt error
	for _, item := range items {
		if item.Err != nil {
			doubt = errUnreadableBinding
			continue
		}
		st, err := s.typeFor(ctx, item.Value.ServiceUUID)
		switch {
		case err != nil:
			doubt = err
		case st != nil && item.Value.activeIn(st):
			names = append(names, item.Value.Name)
		}
	}
	if len(names) == 0 {
		return nil, doubt
	}
	slices.Sort(names)
	return names, nil
}
