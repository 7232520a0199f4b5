package authmethods

import (
	"context"
	"encoding/json"
)

// CertIdentity is what of a checked client certificate decides: its subject as authn.SubjectDN writes it,
// and whether it has a subject alternative name.
type CertIdentity struct {
	DN     string
	HasSAN bool
}

// MapError is the part of a failed token retrieval that clients may see, found in the chain of an error of
// kind Internal. Its Text names no URL, secret or anything the external service answered but its status.
type MapError struct{ Text string }

// Error returns Text.
func (e *MapError) Error() string { return e.Text }

// TokenFor exchanges a client certificate, which the caller has checked, for the token that the external
// service of a host gives the identity bound to it (specs/auth-methods 2.4, steps 3 to 9).
func (s *Service) TokenFor(ctx context.Context, service, host string, cert CertIdentity) (json.RawMessage, error) {
	return nil, notFound("Service-type")
}
