package authmethods

import (
	"context"

	"github.com/authgate/authgate/authn"
)

// CertAuthenticator returns the Authenticator of client certificates whose subject a binding names.
func (s *Service) CertAuthenticator(certs *authn.ClientCerts) authn.Authenticator {
	return &certAuthenticator{s: s, certs: certs}
}

type certAuthenticator struct {
	s     *Service
	certs *authn.ClientCerts
}

// Authenticate implements authn.Authenticator.
func (a *certAuthenticator) Authenticate(context.Context, authn.Credential) (*authn.Principal, error) {
	return nil, authn.ErrNoCredential
}
