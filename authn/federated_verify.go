package authn

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"
)

// maxNotYet is how far in the future nbf may be, as upstream has it.
const maxNotYet = 5 * time.Minute

// IDToken is what a verified token says.
type IDToken struct {
	Issuer   string
	Subject  string   // empty if the token has none
	Audience []string // nil if the token has none
	Expiry   time.Time
	ID       string // the jti, empty if the token has none
	// Payload is the claims as JSON, an object without a member twice in it at any depth.
	Payload []byte
}

// Verify judges raw. The error is a *VerifyError, which wraps ErrRejected, or wraps ErrUnavailable if it
// cannot be told. The order is upstream's: form and algorithm, issuer, audience, expiry, nbf, signature; so a token
// that is expired or made out to somebody else costs no fetch, and a forged one not more than the cooldown of
// unknown keys allows.
func (f *Federated) Verify(ctx context.Context, raw string) (*IDToken, error) {
	t, err := parseFederated(raw)
	if err != nil {
		_, reason, _ := strings.Cut(err.Error(), ": ") // each begins with the outcome
		return nil, refused(reason, "oidc: malformed jwt: %s", reason)
	}
	if err := f.checkAlgorithm(&t); err != nil {
		return nil, err
	}
	if err := f.checkClaims(&t.claims); err != nil {
		return nil, err
	}
	if err := f.checkSignature(ctx, &t); err != nil {
		return nil, err
	}
	// Discovery may have come only with the keys.
	if err := f.checkAlgorithm(&t); err != nil {
		return nil, err
	}
	return &IDToken{
		Issuer: t.claims.iss, Subject: t.claims.sub, Audience: t.claims.aud, Expiry: t.claims.exp.at.UTC(),
		ID: t.claims.jti, Payload: []byte(t.payload.text),
	}, nil
}

// parseFederated decodes raw and judges everything about its form.
func parseFederated(raw string) (parsedToken, error) {
	open, err := openFederated(raw)
	if err != nil {
		return parsedToken{}, err
	}
	return open.parse(claimForms{textDates: true, noAudience: true})
}

func openFederated(raw string) (openToken, error) {
	switch {
	case len(raw) > maxTokenBytes: // before anything looks at it (specs J17)
		return openToken{}, rejected("token is larger than %d bytes", maxTokenBytes)
	case !isCompactJWS(raw):
		return openToken{}, rejected("token contains an invalid number of segments")
	}
	return openJWS(raw)
}

func (f *Federated) checkAlgorithm(t *parsedToken) error {
	accepted := f.source.accepted.Load()
	if accepted.set.has(t.head.alg) {
		return nil
	}
	return refused("the signature algorithm is not one of the issuer's",
		"oidc: malformed jwt: unexpected signature algorithm %.100q; expected %q", t.head.algName, accepted.names)
}

func (f *Federated) checkClaims(c *tokenClaims) error {
	now := f.now()
	switch {
	case c.iss != f.cfg.Issuer:
		return refused("the token is of another issuer",
			"oidc: id token issued by a different provider, expected %q got %.300q", f.cfg.Issuer, c.iss)
	case len(f.cfg.Audiences) == 1 && !slices.Contains(c.aud, f.cfg.Audiences[0]):
		return refused("the token is for another audience", "oidc: expected audience %q got %.300q", f.cfg.Audiences[0], c.aud)
	case len(f.cfg.Audiences) > 1 && !containsAny(c.aud, f.cfg.Audiences):
		return refused("the token is for another audience", "oidc: expected audience %q got %.300q", f.cfg.Audiences, c.aud)
	case !now.Before(c.exp.at.Time): // also without exp
		return refused("the token has expired", "oidc: token is expired (Token Expiry: %v)", c.exp.at.UTC())
	case c.nbf.set && now.Add(maxNotYet).Before(c.nbf.at.Time):
		return refused("the token is not valid yet", "oidc: current time %v before the nbf (not before) time: %v",
			now.UTC().Round(0), c.nbf.at.UTC())
	case c.bound != "": // nobody here has seen the certificate (specs M4)
		return refused("the token is bound to a certificate", "oidc: id token is bound to a certificate")
	}
	return nil
}

// checkSignature finds the key by kid, or tries every key for a token without one.
func (f *Federated) checkSignature(ctx context.Context, t *parsedToken) error {
	var err error
	if t.head.kid == "" {
		_, err = f.keys.findAny(ctx, func(k *publicKey) bool { return t.signedBy(k) == nil })
	} else {
		var key *publicKey
		if key, err = f.keys.find(ctx, t.head.kid); err == nil {
			err = t.signedBy(key)
		}
	}
	if errors.Is(err, ErrRejected) {
		_, reason, _ := strings.Cut(err.Error(), ": ")
		return refused(reason, "failed to verify signature: failed to verify id token signature")
	}
	return err
}
