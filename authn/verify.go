package authn

import (
	"context"
	"slices"
	"time"
)

// What a Principal made from a JWT says in Kind and Method, and one made from a client certificate in Method.
const (
	KindIssuer = "issuer"
	MethodJWT  = "jwt"
	MethodMTLS = "mtls"
)

// What a Principal says in Method that came from a token exchange: with a token minted here, or with the ID
// token itself, exchanged on the way.
const (
	MethodM2M          = "m2m"
	MethodOIDCExchange = "oidc-exchange"
)

// verify judges a parsed token that claims to be i's, and returns its principal and the key it was
// signed with. The error wraps ErrRejected or ErrUnavailable.
//
// The steps are golang-jwt's, in pieces: its Parser would decode the token a second time, and has no
// hook between header and signature where crit, duplicate members and the key's own algorithm could be
// judged. Signature and registered claims are judged by its SigningMethod and Validator.
func (i *Issuer) verify(ctx context.Context, t *parsedToken) (*Principal, *publicKey, error) {
	if !i.algs.has(t.head.alg) {
		return nil, nil, rejected("header: alg is not one of the issuer's algorithms")
	}
	if t.head.kid == "" {
		return nil, nil, rejected("header: no kid")
	}
	// Cheap checks first: an expired or misdirected token costs neither a fetch nor a signature.
	if err := i.judge(t); err != nil {
		return nil, nil, err
	}
	key, err := i.keys.find(ctx, t.head.kid)
	if err != nil {
		return nil, nil, err
	}
	if err := t.signedBy(key); err != nil {
		return nil, nil, err
	}
	p, err := i.principal(t)
	return p, key, err
}

// signedBy reports whether key has signed t. The key decides what it may verify, not the token (specs J2, J3).
func (t *parsedToken) signedBy(key *publicKey) error {
	if !key.algs.has(t.head.alg) {
		return rejected("header: alg is not one of the key's algorithms")
	}
	if err := t.head.alg.method().Verify(t.signed, t.signature, key.public); err != nil {
		return rejected("the signature does not verify")
	}
	return nil
}

// judge applies the rules for claims and token class.
func (i *Issuer) judge(t *parsedToken) error {
	c := &t.claims
	switch {
	case i.cfg.TokenUse == TokenUseAccess && !t.head.accessToken:
		return rejected("not an access token, whose typ is at+jwt")
	case i.cfg.TokenUse == TokenUseID && t.head.accessToken:
		return rejected("an access token where an ID token is wanted")
	case i.cfg.TokenUse != TokenUseID && c.hasNonce:
		return rejected("an ID token of a login (it has a nonce); token_use id accepts them")
	case c.sub == "":
		return rejected("payload: no sub")
	}
	if err := i.validator.Validate(c); err != nil {
		return rejected("%w", err)
	}
	return i.judgeParty(c)
}

// judgeParty is the azp rule: a token with several audiences is shared among them, so the party it says
// it was issued to must be one we know (specs J14). Access tokens need not say (RFC 9068); then one right
// audience is enough (J9).
func (i *Issuer) judgeParty(c *tokenClaims) error {
	if len(c.aud) < 2 || c.azp == "" {
		return nil
	}
	if i.cfg.InsecureAnyAudience && len(i.cfg.AuthorizedParties) == 0 {
		return nil
	}
	if slices.Contains(i.cfg.Audiences, c.azp) || slices.Contains(i.cfg.AuthorizedParties, c.azp) {
		return nil
	}
	return rejected("payload: several audiences, and azp is no audience or authorized_party of ours")
}

// notAfter is the moment from which the token is refused: exp and the leeway.
func (i *Issuer) notAfter(c *tokenClaims) time.Time { return c.exp.at.Add(i.cfg.Leeway).UTC() }
