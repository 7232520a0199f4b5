package admin

import (
	"encoding/json"
	"errors"
	"net/http"

	"go.uber.org/zap"

	"github.com/authgate/authgate/authmethods"
	"github.com/authgate/authgate/authn"
	"github.com/authgate/authgate/internal/fault"
)

// mappingSuffix ends the path of the mapping: a host may hold colons itself, so it is cut from the end.
const mappingSuffix = ":authx509"

var errOtherServer = &requestError{http.StatusMisdirectedRequest, "The connection was made for another host"}

// tokenBody is the token as the external service gave it: any JSON value.
type tokenBody struct {
	Token json.RawMessage `json:"token"`
}

// mapCertificate answers with the token of the identity bound to the caller's certificate, which is the
// only credential of this route (specs/auth-methods 2.4). The certificate is judged before anything is
// looked up: a stranger learns nothing of what is stored.
func (a *authMethodsAPI) mapCertificate(w http.ResponseWriter, r *http.Request) {
	if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 && !authn.SameServer(r.TLS, r.Host) {
		a.refuse(w, errOtherServer)
		return
	}
	cert, err := a.certs.Check(r.Context(), r.TLS, r.RemoteAddr)
	if err != nil {
		a.certificateRefused(r, err)
		a.refuse(w, err)
		return
	}
	identity := authmethods.CertIdentity{DN: authn.SubjectDN(cert), HasSAN: authn.HasSubjectAltName(cert)}
	token, err := a.svc.TokenFor(r.Context(), r.PathValue("service"), r.PathValue("host"), identity)
	if err != nil {
		code, _ := errorAnswer(err)
		a.log.Info("client certificate got no token", zap.String("subject", identity.DN), zap.String("remote", remoteHost(r)), zap.Int("status", code))
		a.refuse(w, err)
		return
	}
	a.log.Info("client certificate got a token", zap.String("subject", identity.DN), zap.String("remote", remoteHost(r)),
		zap.String("service", pathName(r)))
	writeJSON(w, http.StatusOK, tokenBody{token})
}

// certificateRefused logs a certificate that is not accepted. One that no authority vouches for is worth no
// line above debug: anybody can make as many as they like.
func (a *authMethodsAPI) certificateRefused(r *http.Request, err error) {
	reason, subject, level := "internal", "", zap.DebugLevel
	var c *authn.CertError
	if errors.As(err, &c) {
		if c.Fault == authn.CertMissing {
			return
		}
		if reason = certReason(c.Fault); trusted(c.Fault) {
			level = zap.InfoLevel
			subject = authn.SubjectDN(r.TLS.PeerCertificates[0])
		}
	}
	code, _ := errorAnswer(err)
	a.log.Log(level, "client certificate refused", zap.String("reason", reason), zap.String("subject", subject),
		zap.String("remote", remoteHost(r)), zap.Int("status", code))
}

// trusted reports whether the chain of a refused certificate was found good. Only then is its subject
// worth a place in the log: a stranger can write anything into a certificate.
func trusted(f authn.CertFault) bool {
	switch f {
	case authn.CertExpired, authn.CertNotActive, authn.CertNoCRLPoint, authn.CertRevoked, authn.CertCRLUnavailable,
		authn.CertAddress, authn.CertReverseLookup, authn.CertHostMismatch:
		return true
	}
	return false
}

// certReason is a word for the log: CertError's own text may hold names that a stranger wrote into the
// certificate.
func certReason(f authn.CertFault) string {
	switch f {
	case authn.CertAddress:
		return "address"
	case authn.CertReverseLookup:
		return "reverse_lookup"
	case authn.CertHostMismatch:
		return "host_mismatch"
	case authn.CertUntrusted:
		return "untrusted"
	case authn.CertExpired:
		return "expired"
	case authn.CertNotActive:
		return "not_active"
	case authn.CertUsage:
		return "usage"
	case authn.CertNoCRLPoint:
		return "no_crl_point"
	case authn.CertRevoked:
		return "revoked"
	case authn.CertCRLUnavailable:
		return "crl_unavailable"
	}
	return "internal"
}

// mappingAnswer is the status and text for what goes wrong in the mapping (specs/auth-methods 2.4 and 2.6).
func mappingAnswer(err error) (code int, message string, ok bool) {
	var c *authn.CertError
	if errors.As(err, &c) {
		switch c.Fault {
		case authn.CertMissing, authn.CertReverseLookup:
			return http.StatusBadRequest, c.Text, true
		case authn.CertAddress, authn.CertHostMismatch, authn.CertUntrusted, authn.CertExpired, authn.CertNotActive,
			authn.CertUsage, authn.CertNoCRLPoint, authn.CertRevoked:
			return http.StatusForbidden, c.Text, true
		case authn.CertCRLUnavailable:
			return http.StatusInternalServerError, "Internal Error: " + c.Text, true
		}
	}
	var m *authmethods.MapError
	if errors.As(err, &m) && fault.Is(err, fault.Internal) {
		return http.StatusInternalServerError, "Internal Error: " + m.Text, true
	}
	return 0, "", false
}
