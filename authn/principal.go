package authn

import (
	"slices"
	"time"
)

// Principal is an authenticated caller. A Principal handed out by an Authenticator belongs to the
// request it was made for; authenticators that cache keep their own copy (specs C5).
type Principal struct {
	ID       string // the subject, unique within Issuer
	Kind     string // what vouched for it: "issuer" for a JWT of a configured issuer, "binding" for a client certificate
	Issuer   string
	Method   string // how it authenticated: "jwt", "mtls"
	TokenID  string // the token's jti, empty if it has none
	Roles    []string
	Scopes   []string
	Attrs    Attrs     // the token's claims as text
	NotAfter time.Time // from when on it is refused (for a JWT exp and the leeway); zero means never
}

// HasRole reports whether the principal holds any of the named roles. Names compare byte for byte.
func (p *Principal) HasRole(names ...string) bool { return containsAny(p.Roles, names) }

// HasScope reports whether the principal holds any of the named scopes. Names compare byte for byte.
func (p *Principal) HasScope(names ...string) bool { return containsAny(p.Scopes, names) }

func containsAny(held, wanted []string) bool {
	for _, w := range wanted {
		if slices.Contains(held, w) {
			return true
		}
	}
	return false
}
