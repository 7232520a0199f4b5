package authn

// CertFault says what is wrong with a client certificate, so that each API can choose a status for it.
type CertFault uint8

// The faults a CertError names. The zero CertFault is none of them, and stands for a failure nobody classified.
const (
	CertMissing        CertFault = iota + 1 // none was presented
	CertAddress                             // the caller's address cannot be read
	CertReverseLookup                       // the caller's address has no name, or the resolver does not answer
	CertHostMismatch                        // the certificate is for none of the names of the caller's address
	CertUntrusted                           // no trusted authority vouches for it, or only with weak keys
	CertExpired                             // its time, or that of an authority above it, is over
	CertNotActive                           // its time, or that of an authority above it, has not come
	CertUsage                               // it is not made for clients
	CertNoCRLPoint                          // it does not say where its revocation list is
	CertRevoked                             // it, or an authority above it, is revoked
	CertCRLUnavailable                      // whether it is revoked cannot be told
)

// CertError is the refusal of a client certificate. Text is made for clients: it names no URL and nothing
// of the network behind the gateway.
type CertError struct {
	Fault CertFault
	Text  string

	unsure bool // a resolver that does not answer, other than one that knows no name
}

// Error returns Text.
func (e *CertError) Error() string { return e.Text }

// Unwrap returns the outcome for an Authenticator: ErrNoCredential for CertMissing, ErrUnavailable where
// revocation or the caller's name cannot be told, otherwise ErrRejected.
func (e *CertError) Unwrap() error {
	switch {
	case e.Fault == CertMissing:
		return ErrNoCredential
	case e.Fault == CertCRLUnavailable, e.unsure, e.Fault == 0:
		return ErrUnavailable
	}
	return ErrRejected
}
