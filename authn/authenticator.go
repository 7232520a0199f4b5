package authn

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"

	"github.com/authgate/authgate/internal/secret"
)

// Credential is what a caller presented, parsed once per request. Scheme is lowercase ("bearer"), or
// empty for a request that carries no credential at all.
type Credential struct {
	Scheme string
	Token  secret.String
	// TLS is the connection the request came over, nil unless the caller presented a certificate on it.
	TLS        *tls.ConnectionState
	RemoteAddr string // host:port of the caller, set together with TLS
}

// Cert returns the certificate the caller presented, or nil. That the caller holds its key has been proved
// in the handshake; whether anybody should trust it has not been judged: see ClientCerts. Before the
// handshake is complete (early data, which can be replayed) nothing has been proved, and Cert is nil.
func (c Credential) Cert() *x509.Certificate { return presented(c.TLS) }

func presented(state *tls.ConnectionState) *x509.Certificate {
	if state == nil || !state.HandshakeComplete || len(state.PeerCertificates) == 0 {
		return nil
	}
	return state.PeerCertificates[0]
}

// The outcomes of Authenticate besides success. Every error an Authenticator returns wraps one of
// them; an error that wraps none counts as ErrUnavailable, since nobody can tell what it means.
var (
	// ErrNoCredential and ErrNotMine pass the question on to the next Authenticator of a Chain.
	ErrNoCredential = errors.New("no credential")
	ErrNotMine      = errors.New("credential of another kind or issuer")
	// ErrRejected ends the Chain: the credential is this Authenticator's and is not valid (401).
	ErrRejected = errors.New("credential rejected")
	// ErrUnavailable ends the Chain: whether it is valid cannot be told now (503). It is never an
	// allow and never a 401, so that an outage neither opens the door nor logs everybody out.
	ErrUnavailable = errors.New("cannot tell whether the credential is valid")
)

// Authenticator turns a Credential into a Principal. It is safe for concurrent use. On success the
// Principal is not nil and belongs to the caller; otherwise the error wraps one of the outcomes above.
// No error text holds any part of the credential or of unverified claims (specs J22).
type Authenticator interface {
	Authenticate(ctx context.Context, c Credential) (*Principal, error)
}
