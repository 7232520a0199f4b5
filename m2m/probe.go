package m2m

import (
	"context"
	"errors"

	"github.com/authgate/authgate/authn"
	"github.com/authgate/authgate/internal/fault"
)

// federate makes the verifier of c's tokens, whom the caller must Close. It makes no connection; its errors
// hold an *Error and say that the issuer must not be called.
func (s *Service) federate(c *Config) (*authn.Federated, error) {
	cfg := authn.FederatedConfig{
		Issuer: c.Issuer, Audiences: c.AcceptedAudiences(), CAFile: s.deps.CAFile,
		AllowPrivateAddresses: s.deps.AllowPrivateAddresses,
	}
	if c.Type == TypeKubeServiceAccount {
		cfg.DiscoveryBearer = s.deps.DiscoveryBearer
	}
	f, err := authn.NewFederated(cfg, authn.IssuerDeps{Now: s.deps.Now, Logger: s.deps.Logger})
	if err == nil {
		return f, nil
	}
	var why *fault.Error
	if !errors.As(err, &why) {
		return nil, err
	}
	if why.Field == "ca" { // the operator's mistake
		return nil, exchangerError(fault.Unavailable, CodeUnavailable, c, "the CA file cannot be read", err)
	}
	return nil, exchangerError(fault.Invalid, CodeInvalidArgument, c, why.Err.Error(), err)
}

// probe asks the issuer of c whether it is one (row 12 of table 2.9), or with ask false only whether it may
// be asked.
func (s *Service) probe(ctx context.Context, c *Config, ask bool) error {
	f, err := s.federate(c)
	if err != nil {
		return err
	}
	defer f.Close()
	if !ask {
		return nil
	}
	err = f.Probe(ctx)
	var told *authn.DiscoveryError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &told): // the caller has gone
		return exchangerError(fault.Unavailable, CodeUnavailable, c, "the issuer has not answered in time", err)
	case told.Unreachable:
		return exchangerError(fault.Unavailable, CodeUnavailable, c, told.Text, err)
	}
	return exchangerError(fault.Invalid, CodeInvalidArgument, c, told.Text, err)
}

func exchangerError(kind fault.Kind, code int, c *Config, text string, cause error) error {
	return newError(kind, code, "creating token exchanger for config %s: creating OIDC provider for issuer %q: %w", c.ID, c.Issuer, told{text, cause})
}

// told is an error whose text is another than its own.
type told struct {
	text string
	error
}

func (e told) Error() string { return e.text }
func (e told) Unwrap() error { return e.error }
