package authn

import (
	"context"
	"errors"
	"fmt"
)

// Chain asks its Authenticators in order. The first that does not say "not mine" decides: success and
// rejection stop the chain, and so does anything that cannot be told, which includes an error that wraps
// no outcome and a missing principal. If nobody knows the credential it is rejected. Without one, and with
// nothing but a client certificate that nobody claims, the outcome is ErrNoCredential: browsers and service
// meshes present certificates to whoever asks for one. A Chain is not changed after construction.
type Chain []Authenticator

// ErrUnknown is wrapped, beside ErrRejected, by a Chain's refusal of a credential that is none of its
// authenticators'. Somebody else may still know it: Caddy's authentication handler asks several providers.
var ErrUnknown = errors.New("no authenticator knows it")

// Authenticate implements Authenticator.
func (c Chain) Authenticate(ctx context.Context, cred Credential) (*Principal, error) {
	for _, a := range c {
		p, err := a.Authenticate(ctx, cred)
		switch {
		case err == nil && p != nil:
			return p, nil
		case err == nil:
			return nil, fmt.Errorf("%w: an authenticator answered nothing", ErrUnavailable)
		case errors.Is(err, ErrUnavailable), errors.Is(err, ErrRejected):
			return nil, err
		case errors.Is(err, ErrNoCredential), errors.Is(err, ErrNotMine):
		default:
			return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
	}
	if cred.Scheme == "" && cred.Token.Empty() {
		return nil, ErrNoCredential
	}
	return nil, fmt.Errorf("%w: %w", ErrRejected, ErrUnknown)
}

var _ Authenticator = Chain(nil)
