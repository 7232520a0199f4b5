package m2m

import (
	"slices"
	"strings"
	"time"
)

// The types of configs. The type says which claims of a token can be mapped and how its user is named.
const (
	TypeGeneric            = "GENERIC"
	TypeGitHubActions      = "GITHUB_ACTIONS"
	TypeKubeServiceAccount = "KUBE_SERVICE_ACCOUNT"
)

// Types returns the types in the order of their numbers in the API, from 0.
func Types() []string { return []string{TypeGeneric, TypeGitHubActions, TypeKubeServiceAccount} }

// GitHubIssuer is the issuer of every config of TypeGitHubActions.
const GitHubIssuer = "https://token.actions.githubusercontent.com"

// The ways a mapping's expression is compared with a value.
const (
	MatchSearch = "SEARCH" // a regular expression, anywhere in the value; upstream's way and the default
	MatchFull   = "FULL"   // a regular expression for the whole value
	MatchExact  = "EXACT"  // the value, byte for byte
)

// MatchTypes returns the match types, the default first.
func MatchTypes() []string { return []string{MatchSearch, MatchFull, MatchExact} }

// What Traits may say; the first of each is the default.
const (
	OriginImperative   = "IMPERATIVE" // made through the API
	OriginDefault      = "DEFAULT"
	OriginDeclarative  = "DECLARATIVE" // from the Caddyfile
	OriginOrphaned     = "DECLARATIVE_ORPHANED"
	MutabilityAllow    = "ALLOW_MUTATE"
	MutabilityForced   = "ALLOW_MUTATE_FORCED"
	VisibilityVisible  = "VISIBLE"
	VisibilityHidden   = "HIDDEN"
	declaredNamePrefix = "authgate:m2m-config:"
)

// Config says whose ID tokens are exchanged and for what. It is immutable once a Service hands it out,
// slices included, and then safe for concurrent use. What goes into a Service is copied.
type Config struct {
	ID                      string // a UUID in canonical form
	Type                    string // one of Types; empty on input: TypeGeneric
	TokenExpirationDuration string // verbatim; 1 minute to 24 hours in Go's notation
	Issuer                  string // verbatim: a token's iss must equal it
	Audience                string // as upstream has it; empty: none beside Audiences
	Audiences               []string
	Mappings                []Mapping
	Traits                  Traits
	// Preset is the name of a Preset, or empty.
	Preset string
	// LimitToIDToken ends each minted token with the ID token it was exchanged for, if not sooner.
	LimitToIDToken bool
	// OneTime lets each ID token be exchanged once; it then needs a jti.
	OneTime bool

	// Duration is TokenExpirationDuration parsed. It is ignored on input.
	Duration time.Duration

	matchers []matcher // of Mappings
	preset   *Preset   // nil without one
}

// Mapping gives a role to tokens of which any value of a claim matches.
type Mapping struct {
	Key             string // the claim, as Flatten names it
	ValueExpression string // verbatim
	Role            string
	MatchType       string // one of MatchTypes; empty on input: MatchSearch
}

// Traits are what upstream says about a config beside its contents. Origin decides who may change it; the
// others are kept for clients that send them.
type Traits struct {
	MutabilityMode string
	Visibility     string
	Origin         string
}

// AcceptedAudiences returns the values of aud of which a token needs one; none means that any will do.
func (c *Config) AcceptedAudiences() []string {
	if c.Audience == "" || slices.Contains(c.Audiences, c.Audience) {
		return slices.Clone(c.Audiences)
	}
	return append([]string{c.Audience}, c.Audiences...)
}

// RoleNames returns the roles the mappings name, in their order and without repetitions.
func (c *Config) RoleNames() []string {
	names := make([]string, 0, len(c.Mappings))
	for _, m := range c.Mappings {
		if !slices.Contains(names, m.Role) {
			names = append(names, m.Role)
		}
	}
	return names
}

// foldIssuer makes issuers that people mistake for each other equal, so that only one of them can be
// configured (specs X9). Tokens are still judged by the issuer as it is written.
func foldIssuer(issuer string) string { return strings.ToLower(strings.TrimSuffix(issuer, "/")) }

// normal fills in the defaults of t; values nobody knows are upstream's zero values.
func (t Traits) normal() Traits {
	known := func(value string, values ...string) string {
		if slices.Contains(values, value) {
			return value
		}
		return values[0]
	}
	return Traits{
		MutabilityMode: known(t.MutabilityMode, MutabilityAllow, MutabilityForced),
		Visibility:     known(t.Visibility, VisibilityVisible, VisibilityHidden),
		Origin:         known(t.Origin, OriginImperative, OriginDefault, OriginDeclarative, OriginOrphaned),
	}
}
