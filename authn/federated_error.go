package authn

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/coreos/go-oidc/v3/oidc"
)

// maxErrorText bounds the texts made of what an issuer or a token says, in bytes.
const maxErrorText = 1000

// VerifyError says why a token was refused. It wraps ErrRejected.
type VerifyError struct {
	// Text is upstream's words, for the answer to whoever sent the token and for nobody else: it may
	// repeat its claims, which are not verified (specs J22). Error returns what a log may hold.
	Text   string
	reason string
}

// Error returns a text without any part of the token.
func (e *VerifyError) Error() string { return ErrRejected.Error() + ": " + e.reason }

// Unwrap returns ErrRejected.
func (e *VerifyError) Unwrap() error { return ErrRejected }

// refused makes a VerifyError; what the token says may only be in the text made by format.
func refused(reason, format string, args ...any) error {
	return &VerifyError{Text: printable(fmt.Sprintf(format, args...), maxErrorText), reason: reason}
}

// DiscoveryError says why the issuer's discovery document or key set could not be got.
type DiscoveryError struct {
	// Text is upstream's words. Of what the issuer sent it holds little, and printable.
	Text string
	// Unreachable means that trying again later may help, and that the error wraps ErrUnavailable. Otherwise
	// there is no OpenID Connect issuer of that name at that address.
	Unreachable bool
	cause       error
}

func (e *DiscoveryError) Error() string { return e.Text }

// Unwrap returns the cause, and ErrUnavailable if e.Unreachable.
func (e *DiscoveryError) Unwrap() []error {
	if e.Unreachable {
		return []error{e.cause, ErrUnavailable}
	}
	return []error{e.cause}
}

func discoveryError(err error) error { return newDiscoveryError("", err, err) }

// keysError leaves the URL out, whose query is nobody's business.
func keysError(err error) error {
	return newDiscoveryError("fetching keys oidc: ", err, withoutURL(err))
}

func newDiscoveryError(prefix string, err, told error) error {
	var (
		status   *statusError
		mismatch *oidc.IssuerMismatchError
	)
	switch {
	case errors.As(err, &status):
		told = status
	case errors.As(err, &mismatch):
		told = &oidc.IssuerMismatchError{
			Provided: mismatch.Provided, Discovered: printable(mismatch.Discovered, maxPage),
		}
	}
	return &DiscoveryError{Text: printable(prefix+told.Error(), maxErrorText), Unreachable: isOutage(err), cause: err}
}

// isOutage tells what may pass from what somebody has to correct.
func isOutage(err error) bool {
	var (
		status *statusError
		call   *url.Error
		cert   *tls.CertificateVerificationError
		record tls.RecordHeaderError
		alert  tls.AlertError
	)
	switch {
	case errors.As(err, &status):
		return status.code >= 500 || status.code == http.StatusTooManyRequests || status.code == http.StatusRequestTimeout
	case errors.Is(err, errForbiddenAddress), errors.Is(err, errRedirect), errors.Is(err, errEncoding),
		errors.Is(err, http.ErrSchemeMismatch), errors.As(err, &cert), errors.As(err, &record), errors.As(err, &alert):
		return false
	}
	return errors.As(err, &call) // every failure of the connection itself
}
