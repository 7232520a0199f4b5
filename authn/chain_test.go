package authn_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"testing"

	"github.com/authgate/authgate/authn"
)

// answer is an Authenticator that always says the same.
type answer struct {
	p     *authn.Principal
	err   error
	asked *int
}

func (a answer) Authenticate(context.Context, authn.Credential) (*authn.Principal, error) {
	if a.asked != nil {
		*a.asked++
	}
	return a.p, a.err
}

func TestChain(t *testing.T) {
	t.Parallel()
	var (
		known     = answer{p: &authn.Principal{ID: "known"}}
		notMine   = answer{err: fmt.Errorf("deep: %w", authn.ErrNotMine)}
		none      = answer{err: authn.ErrNoCredential}
		rejects   = answer{err: fmt.Errorf("deep: %w", authn.ErrRejected)}
		down      = answer{err: fmt.Errorf("deep: %w", authn.ErrUnavailable)}
		odd       = answer{err: errors.New("a bug")}
		cancelled = answer{err: context.Canceled}
		silent    = answer{}
		both      = answer{p: &authn.Principal{ID: "known"}, err: authn.ErrRejected}
		token     = bearer("x")
	)
	for _, tt := range []struct {
		name  string
		chain authn.Chain
		cred  authn.Credential
		want  error // nil: accepted
		last  bool  // whether the last one is asked
	}{
		{"first_knows", authn.Chain{known, rejects}, token, nil, false},
		{"second_knows", authn.Chain{notMine, known}, token, nil, true},
		{"no_credential_goes_on", authn.Chain{none, known}, token, nil, true},
		{"rejected_stops", authn.Chain{rejects, known}, token, authn.ErrRejected, false},
		{"rejected_after_not_mine", authn.Chain{notMine, rejects, known}, token, authn.ErrRejected, false},
		{"unavailable_stops", authn.Chain{down, known}, token, authn.ErrUnavailable, false},
		{"unknown_error_is_unavailable", authn.Chain{odd, known}, token, authn.ErrUnavailable, false},
		{"cancelled_is_unavailable", authn.Chain{cancelled, known}, token, authn.ErrUnavailable, false},
		{"nil_principal_is_unavailable", authn.Chain{silent, known}, token, authn.ErrUnavailable, false},
		{"an_error_beats_a_principal", authn.Chain{both, known}, token, authn.ErrRejected, false},
		{"nobody_knows_it", authn.Chain{notMine, none}, token, authn.ErrRejected, true},
		{"nobody_at_all", authn.Chain{}, token, authn.ErrRejected, false},
		{"no_credential", authn.Chain{none, notMine}, authn.Credential{}, authn.ErrNoCredential, true},
		{"no_credential_nobody_at_all", nil, authn.Credential{}, authn.ErrNoCredential, false},
		{"certificate_nobody_knows", authn.Chain{none}, withCert(authn.Credential{}, &x509.Certificate{}), authn.ErrNoCredential, true},
		{"chain_in_a_chain", authn.Chain{authn.Chain{none}, known}, authn.Credential{}, nil, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			asked := 0
			if n := len(tt.chain); n > 0 {
				chain := append(authn.Chain(nil), tt.chain...)
				if last, ok := chain[n-1].(answer); ok {
					last.asked = &asked
					chain[n-1] = last
				}
				tt.chain = chain
			}
			p, err := tt.chain.Authenticate(t.Context(), tt.cred)
			if tt.want == nil {
				if err != nil || p == nil || p.ID != "known" {
					t.Fatalf("got %v and %v, want a principal", p, err)
				}
			} else if p != nil || !errors.Is(err, tt.want) {
				t.Fatalf("got %v and %v, want %v", p, err, tt.want)
			}
			if (asked > 0) != tt.last {
				t.Errorf("the last authenticator was asked %d times, want asked %t", asked, tt.last)
			}
		})
	}
}
