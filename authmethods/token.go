package authmethods

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/authgate/authgate/store"
)

const noteTimeout = 2 * time.Second

// CertIdentity is what of a checked client certificate decides: its subject as authn.SubjectDN writes it,
// and whether it has a subject alternative name.
type CertIdentity struct {
	DN     string
	HasSAN bool
}

// TokenFor exchanges a client certificate, which the caller has checked, for the token that the external
// service of a host gives the identity bound to it (specs/auth-methods 2.4, steps 3 to 9): any JSON value.
// The kinds of its errors are those of Method, Invalid for a service type without x509, and Internal with
// a *MapError if the retrieval failed. It is secret: only the owner of the certificate may see it. All is
// looked up each time, but the token may be the one that map mode or TokenFor got in the last 30 seconds;
// it must not be changed.
func (s *Service) TokenFor(ctx context.Context, service, host string, cert CertIdentity) (json.RawMessage, error) {
	st, err := s.ServiceType(ctx, service)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(st.Value.AuthTypes, AuthTypeX509) {
		return nil, unsupported("Auth type", AuthTypeX509, st.Value.AuthTypes)
	}
	m, err := s.methodOf(ctx, st.Value, host)
	if err != nil {
		return nil, err
	}
	binding, err := s.bindingFor(ctx, st.ID, host, AuthTypeX509, cert.DN)
	if err != nil {
		return nil, err
	}
	k := mapKey{binding.ID, binding.Revision, m.Value.UUID, m.Revision}
	token, err := s.mappedToken(ctx, k, true, m.Value, st.Value, binding.Value.UniqueKey)
	if ctx.Err() != nil { // what was asked for goes on without this caller
		return nil, mapError("the external service did not answer in time")
	}
	if err != nil {
		return nil, err
	}
	if !cert.HasSAN {
		s.noteWithoutSAN(ctx, binding)
	}
	return token.value, nil
}

// noteWithoutSAN records and logs once that the certificate of b's holder has no subject alternative name. The
// token does not depend on it, so a failure is only logged.
func (s *Service) noteWithoutSAN(ctx context.Context, b store.Item[*Binding]) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteTimeout)
	defer cancel()
	switch added, err := s.rec.addWithoutSAN(ctx, b, s.now().UTC()); {
	case err != nil:
		s.log.Warn("a certificate without subject alternative name was not recorded",
			zap.String("binding", b.Value.Name), zap.Error(err))
	case added:
		s.log.Info("a client certificate has no subject alternative name; replace it", zap.String("binding", b.Value.Name))
	}
}
