package caddymodule

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/authgate/authgate/authn"
)

// identity knows the names of a route's identity headers.
type identity struct {
	subject, issuer, roles, scopes, method string
}

const defaultIdentityPrefix = "X-Auth-"

func newIdentity(prefix string) *identity {
	name := func(s string) string { return http.CanonicalHeaderKey(prefix + s) }
	return &identity{subject: name("Subject"), issuer: name("Issuer"), roles: name("Roles"), scopes: name("Scopes"), method: name("Method")}
}

// maxIdentityValue bounds a header made of claims: a token may hold thousands of groups (specs H13).
const maxIdentityValue = 8 << 10

var errIdentity = errors.New("the caller's identity does not fit into a header")

// set tells the upstream who is calling. Attributes the principal does not have stay absent (the strip
// has removed the client's own, H2). A value that no header can carry safely refuses the request rather
// than reaching the upstream cut or altered (H11, H13); role and scope names with a separator in them
// would read as two, so they count as such values.
func (i *identity) set(h http.Header, p *authn.Principal) error {
	roles, err := joined(p.Roles, ",")
	if err != nil {
		return err
	}
	scopes, err := joined(p.Scopes, " ")
	if err != nil {
		return err
	}
	id, issuer := p.ID, p.Issuer
	if p.Method == authn.MethodMTLS {
		id, issuer = asciiDN(id), asciiDN(issuer)
	}
	for _, f := range [...]struct{ name, value string }{
		{i.subject, id}, {i.issuer, issuer}, {i.method, p.Method}, {i.roles, roles}, {i.scopes, scopes},
	} {
		switch {
		case f.value == "":
		case len(f.value) > maxIdentityValue || !plainValue(f.value, false) || strings.TrimSpace(f.value) != f.value:
			return errIdentity
		default:
			h[f.name] = []string{f.value}
		}
	}
	return nil
}

// asciiDN writes what a header cannot carry as a distinguished name may (RFC 4514 section 2.4): each byte as
// a backslash and two hex digits. A backslash of the name itself is written as two already.
func asciiDN(dn string) string {
	if plainValue(dn, false) {
		return dn
	}
	var b strings.Builder
	for i := range len(dn) {
		if c := dn[i]; c < 0x20 || c >= 0x7f {
			fmt.Fprintf(&b, "\\%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

func joined(values []string, separator string) (string, error) {
	for _, v := range values {
		if v == "" || strings.Contains(v, separator) {
			return "", errIdentity
		}
	}
	if len(values) == 1 {
		return values[0], nil
	}
	return strings.Join(values, separator), nil
}

// setPlaceholders offers {http.auth.user.*}. They are looked up when somebody asks, after those another
// authentication handler has set; their values are claims and are never themselves replaced (H12).
func setPlaceholders(repl *caddy.Replacer, p *authn.Principal) {
	repl.Map(func(key string) (any, bool) {
		name, ok := strings.CutPrefix(key, "http.auth.user.")
		if !ok {
			return nil, false
		}
		switch name {
		case "id":
			return p.ID, true
		case "kind":
			return p.Kind, true
		case "issuer":
			return p.Issuer, true
		case "method":
			return p.Method, true
		case "token_id":
			return p.TokenID, true
		case "roles":
			return strings.Join(p.Roles, ","), true
		case "scopes":
			return strings.Join(p.Scopes, " "), true
		}
		// A claim the token does not have is empty, and not the placeholder's own text: an upstream could take
		// that for a value (H2).
		return strings.Join(p.Attrs.Get(name), ","), true
	})
}
