package authn

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
)

// certThumbprint is the SHA-256 of the only certificate a token may be used with (RFC 8705 section 3.1), empty
// for a token that anybody may use.
type certThumbprint string

// parseConfirmation reads cnf (RFC 7800). A token that may be used only by whoever holds some key is worth
// nothing without the proof: what cannot be checked here, such as a DPoP key (jkt), is refused, also beside
// something that can be (specs M4, J24).
func parseConfirmation(cnf jsonValue) (certThumbprint, error) {
	var bound certThumbprint
	checkable := cnf.members(func(name string, v jsonValue) bool {
		if name != "x5t#S256" || v.kind != jsonString {
			return false
		}
		encoding, text := base64.RawURLEncoding.Strict(), v.string()
		sum, err := encoding.DecodeString(text)
		if err != nil || len(sum) != sha256.Size || len(text) != encoding.EncodedLen(sha256.Size) { // line breaks are skipped
			return false
		}
		bound = certThumbprint(sum)
		return true
	})
	if !checkable || bound == "" { // which includes what is no object
		return "", rejected("payload: cnf names a proof that cannot be checked")
	}
	return bound, nil
}

// presentedBy reports whether the token came over a connection with its certificate. Who issued that one
// does not matter: the issuer of the token has vouched for it.
func (b certThumbprint) presentedBy(c Credential) error {
	if b == "" {
		return nil
	}
	cert := c.Cert()
	if cert == nil {
		return rejected("the token is bound to a certificate, and none was presented")
	}
	sum := sha256.Sum256(cert.Raw)
	if subtle.ConstantTimeCompare(sum[:], []byte(b)) != 1 {
		return rejected("the token is bound to another certificate")
	}
	return nil
}
