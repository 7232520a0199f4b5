package authn

import (
	"errors"
	"strconv"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

// malformedToken is an error whose text is all of it what upstream says. It wraps ErrRejected.
type malformedToken string

func (e malformedToken) Error() string { return string(e) }

// Unwrap returns ErrRejected.
func (malformedToken) Unwrap() error { return ErrRejected }

// UnverifiedIssuer returns iss as it stands in raw. It may be used for nothing but to choose who verifies the
// token (specs J22). The error wraps ErrRejected, and its text is upstream's answer to a client; it holds no part of
// the token longer than a character.
func UnverifiedIssuer(raw string) (string, error) {
	open, err := openFederated(raw)
	if err != nil || !readableByUpstream(open) {
		return "", malformedToken("ID token could not be parsed: " + whyMalformed(raw, err))
	}
	if iss := open.issuer(); iss != "" {
		return iss, nil
	}
	return "", malformedToken("empty issuer found in ID token")
}

// readableByUpstream reports whether the registered claims have the types that golang-jwt decodes them into.
func readableByUpstream(t openToken) bool {
	return t.payload.members(func(name string, v jsonValue) bool {
		if v.kind == jsonNull {
			return true
		}
		switch name {
		case "iss", "sub", "jti":
			return v.kind == jsonString
		case "aud":
			return hasTexts(v)
		case "exp", "nbf", "iat":
			if v.kind == jsonString {
				v = numberIn(v)
			}
			_, err := strconv.ParseFloat(v.text, 64)
			return v.kind == jsonNumber && err == nil
		}
		return true
	})
}

// whyMalformed says in golang-jwt's words why raw is no JWT, or in ours where it would read one: why is then
// the reason of openJWS, or nil for a claim.
func whyMalformed(raw string, why error) string {
	const malformed = "token is malformed: "
	if len(raw) <= maxTokenBytes {
		_, _, err := jwt.NewParser().ParseUnverified(raw, &jwt.RegisteredClaims{})
		if errors.Is(err, jwt.ErrTokenMalformed) {
			text := err.Error()
			for _, repeats := range []string{", trying to unmarshal", ": parsing "} { // and then the claim itself
				text, _, _ = strings.Cut(text, repeats)
			}
			return printable(text, maxErrorText)
		}
	}
	if why == nil {
		return malformed + "could not JSON decode claim: a registered claim has another type than it must have"
	}
	_, reason, _ := strings.Cut(why.Error(), ": ")
	return malformed + reason
}
