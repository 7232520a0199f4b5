package authn

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/authgate/authgate/internal/fault"
)

// The values of IssuerConfig.TokenUse.
const (
	TokenUseAny    = ""
	TokenUseAccess = "access"
	TokenUseID     = "id"
)

// The defaults of an IssuerConfig, which stand for a zero field.
const (
	DefaultMaxKeyAge   = 24 * time.Hour
	DefaultKeyCooldown = 30 * time.Second
	DefaultLeeway      = 60 * time.Second
	DefaultRolesClaim  = "roles"
)

// IssuerConfig describes one issuer whose JWTs are accepted. The zero value of every optional field
// means its default. It is copied by NewIssuer; a later change has no effect.
type IssuerConfig struct {
	// Name is what routes and logs call the issuer. Required.
	Name string
	// URL is the `iss` of its tokens, compared byte for byte, and the base of discovery. Required: https;
	// plain http only on a loopback host together with AllowPrivateAddresses.
	URL string
	// Audiences are the values of `aud` that mean us; a token needs one of them. Required unless
	// InsecureAnyAudience, which accepts tokens made out to anybody.
	Audiences           []string
	InsecureAnyAudience bool
	// Algorithms are the accepted signature algorithms, RS256 by default. Never a symmetric one.
	Algorithms []string
	// JWKSURL (a URL, which may have a query) or JWKSFile (a file) replace discovery. At most one.
	JWKSURL, JWKSFile string
	// CAFile is a PEM file of the only roots trusted for this issuer; the system's by default.
	CAFile string
	// MaxKeyAge is how long a key lives after the last fetch that showed it; default 24 h.
	MaxKeyAge time.Duration
	// KeyCooldown is the pause after a fetch made for an unknown kid; default 30 s.
	KeyCooldown time.Duration
	// Leeway is the clock difference tolerated in exp, nbf and iat; default 60 s, at most 10 min.
	// Negative means none.
	Leeway time.Duration
	// AllowPrivateAddresses lets the issuer be on a private or loopback address. Link-local and
	// metadata addresses stay refused.
	AllowPrivateAddresses bool
	// RolesClaim names the claim (dotted for a nested one) that becomes Principal.Roles; "roles".
	RolesClaim string
	// TokenUse is TokenUseAny, TokenUseAccess (typ at+jwt required) or TokenUseID (at+jwt refused, and
	// the only one that accepts a nonce).
	TokenUse string
	// AuthorizedParties are the values of `azp`, beside Audiences, allowed in a token that has several
	// audiences (specs J14).
	AuthorizedParties []string
}

// withDefaults returns c with every zero field replaced and no slice shared with the caller.
func (c IssuerConfig) withDefaults() IssuerConfig {
	c.Audiences = slices.Clone(c.Audiences)
	c.AuthorizedParties = slices.Clone(c.AuthorizedParties)
	if c.Algorithms = slices.Clone(c.Algorithms); len(c.Algorithms) == 0 {
		c.Algorithms = []string{"RS256"}
	}
	if c.MaxKeyAge == 0 {
		c.MaxKeyAge = DefaultMaxKeyAge
	}
	if c.KeyCooldown == 0 {
		c.KeyCooldown = DefaultKeyCooldown
	}
	switch {
	case c.Leeway == 0:
		c.Leeway = DefaultLeeway
	case c.Leeway < 0:
		c.Leeway = 0
	}
	if c.RolesClaim == "" {
		c.RolesClaim = DefaultRolesClaim
	}
	return c
}

// Validate reports the first mistake in c as a fault.Invalid error that names the Caddyfile field and
// the fix. It reads no file and makes no connection.
func (c IssuerConfig) Validate() error {
	if c.Name == "" {
		return fault.New(fault.Invalid, "issuer", "name", "empty; write `issuer <name> { ... }`")
	}
	invalid := func(field, format string, args ...any) error {
		return fault.New(fault.Invalid, "issuer "+c.Name, field, format, args...)
	}
	if err := checkIssuerURL(c.URL, c.AllowPrivateAddresses); err != nil {
		return invalid("url", "%w", err)
	}
	switch {
	case c.InsecureAnyAudience && len(c.Audiences) > 0:
		return invalid("insecure_any_audience", "contradicts audience; remove one of them")
	case !c.InsecureAnyAudience && len(c.Audiences) == 0:
		return invalid("audience", "missing, so any token of this issuer would pass; name the audience of your tokens")
	case slices.Contains(c.Audiences, ""):
		return invalid("audience", "empty value; name the audience of your tokens")
	case slices.Contains(c.AuthorizedParties, ""):
		return invalid("authorized_party", "empty value; name the client id")
	}
	for n, alg := range c.Algorithms {
		if _, known := algorithmByName(alg); !known {
			return invalid("algorithms", "%q is not supported; use some of %s", alg, strings.Join(algorithmNames(), " "))
		}
		if slices.Contains(c.Algorithms[:n], alg) {
			return invalid("algorithms", "%s is named twice; remove one", alg)
		}
	}
	if c.JWKSURL != "" && c.JWKSFile != "" {
		return invalid("jwks_file", "contradicts jwks_url; remove one of them")
	}
	if c.JWKSURL != "" {
		if err := checkFetchURL(c.JWKSURL, c.AllowPrivateAddresses); err != nil {
			return invalid("jwks_url", "%w", err)
		}
	}
	return c.validateLimits(invalid)
}

func (c IssuerConfig) validateLimits(invalid func(field, format string, args ...any) error) error {
	d := c.withDefaults()
	switch {
	case d.KeyCooldown < time.Second || d.KeyCooldown > time.Hour:
		return invalid("key_cooldown", "%v is not between 1s and 1h", c.KeyCooldown)
	case d.MaxKeyAge < d.KeyCooldown || d.MaxKeyAge > 30*24*time.Hour:
		return invalid("max_key_age", "%v is not between key_cooldown (%v) and 720h", c.MaxKeyAge, d.KeyCooldown)
	case d.Leeway > 10*time.Minute:
		return invalid("leeway", "%v is more than 10m; set the clocks instead", c.Leeway)
	case c.TokenUse != TokenUseAny && c.TokenUse != TokenUseAccess && c.TokenUse != TokenUseID:
		return invalid("token_use", "%q is unknown; use access or id, or leave it out", c.TokenUse)
	}
	return nil
}

// fingerprint hashes everything that decides how the issuer behaves but its keys, each text with its length
// so that no two configurations run together (specs C3).
func (c IssuerConfig) fingerprint(ca []byte) string {
	h := sha256.New()
	for _, s := range []string{c.Name, c.URL, c.JWKSURL, c.JWKSFile, c.CAFile, string(ca), c.RolesClaim, c.TokenUse} {
		fmt.Fprintf(h, "%d:%s", len(s), s)
	}
	for _, list := range [][]string{c.Audiences, c.Algorithms, c.AuthorizedParties} {
		fmt.Fprintf(h, "[%d]", len(list))
		for _, s := range list {
			fmt.Fprintf(h, "%d:%s", len(s), s)
		}
	}
	fmt.Fprintf(h, "%t %t %d %d %d", c.InsecureAnyAudience, c.AllowPrivateAddresses, c.MaxKeyAge, c.KeyCooldown, c.Leeway)
	return hex.EncodeToString(h.Sum(nil))
}
