package m2m

import (
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

// The limits of tokens minted for a config (specs/m2m 2.9).
const (
	minDuration = time.Minute
	maxDuration = 24 * time.Hour
)

// Sizes a config may have, in bytes where nothing else is said. Upstream has none.
const (
	maxMappings   = 200
	maxRoles      = 40 // different ones: each costs an etcd transaction, of 128 operations, up to three
	maxKey        = 512
	maxExpression = 2048
	maxIssuer     = 1000 // an index takes 1024
	maxAudiences  = 32
	maxAudience   = 1024
	maxText       = 128 // of anything else
)

// newConfig validates v in the order of table 2.9, and beyond it, and returns a compiled copy. Where private
// addresses are allowed an issuer on this machine may speak plain http.
func newConfig(v Config, private bool) (*Config, error) {
	// Not Clone: what is stored must come back the same, and a record does not tell nil from empty.
	v.Mappings, v.Audiences = append([]Mapping(nil), v.Mappings...), append([]string(nil), v.Audiences...)
	v.Traits = v.Traits.normal()
	if v.Type == "" {
		v.Type = TypeGeneric
	}
	for _, check := range []func() error{
		v.checkSizes, v.checkNames, v.checkDuration, func() error { return v.checkIssuer(private) }, v.compileMappings, v.checkAudiences,
	} {
		if err := check(); err != nil {
			return nil, err
		}
	}
	return &v, nil
}

// checkSizes also refuses text that is not UTF-8, which JSON would change.
func (c *Config) checkSizes() error {
	texts := []struct {
		name, value string
		most        int
	}{
		{"type", c.Type, maxText}, {"tokenExpirationDuration", c.TokenExpirationDuration, maxText},
		{"issuer", c.Issuer, maxIssuer}, {"audience", c.Audience, maxAudience}, {"preset", c.Preset, maxText},
	}
	for _, a := range c.Audiences {
		texts = append(texts, texts[3])
		texts[len(texts)-1].value = a
	}
	for _, t := range texts {
		if len(t.value) > t.most || !utf8.ValidString(t.value) {
			return invalid("%s is longer than %d bytes or not UTF-8", t.name, t.most)
		}
	}
	switch {
	case len(c.Audiences) > maxAudiences:
		return invalid("more than %d audiences", maxAudiences)
	case len(c.Mappings) > maxMappings:
		return invalid("more than %d mappings", maxMappings)
	}
	for _, m := range c.Mappings {
		if len(m.Key) > maxKey || len(m.ValueExpression) > maxExpression || len(m.Role) > 4*maxText ||
			!utf8.ValidString(m.Key+m.ValueExpression+m.Role) {
			return invalid("a mapping's key is longer than %d bytes, its expression longer than %d, its role longer than %d, or one of them is not UTF-8",
				maxKey, maxExpression, 4*maxText)
		}
	}
	if n := len(c.RoleNames()); n > maxRoles {
		return invalid("mappings name %d roles, more than %d", n, maxRoles)
	}
	return nil
}

// checkNames refuses values of enumerations that nobody knows: upstream takes "AWS" for GENERIC, and a match
// type that was misspelt would match what it was to refuse.
func (c *Config) checkNames() error {
	if !slices.Contains(Types(), c.Type) {
		return invalid("type %q is unknown, those known are: %s", c.Type, strings.Join(Types(), ", "))
	}
	for i, m := range c.Mappings {
		if m.MatchType == "" {
			c.Mappings[i].MatchType = MatchSearch
		} else if !slices.Contains(MatchTypes(), m.MatchType) {
			return invalid("matchType %q for key %q is unknown, those known are: %s", m.MatchType, m.Key, strings.Join(MatchTypes(), ", "))
		}
	}
	if c.Preset == "" {
		return nil
	}
	p, known := presetNamed(c.Preset)
	switch {
	case !known:
		return invalid("preset %q is unknown, those known are: %s", c.Preset, strings.Join(presetNames(), ", "))
	case c.Type != TypeGeneric && c.Type != p.Type:
		return invalid("type %s was used with preset %s, which goes with %s", c.Type, p.Name, TypeGeneric)
	}
	c.preset = p
	return nil
}

func (c *Config) checkDuration() error {
	d, err := time.ParseDuration(c.TokenExpirationDuration)
	if err != nil {
		return invalid("invalid token expiration duration provided: %w", err)
	}
	if d < minDuration || d > maxDuration {
		return invalid("invalid token expiration duration provided: token expiration must be between 1 minute and 24 hours, but was %s", d)
	}
	c.Duration = d
	return nil
}

var errInsecureIssuer = errors.New("HTTPS is required for the issuer")

func (c *Config) checkIssuer(private bool) error {
	switch {
	case c.Type == TypeGeneric && c.Issuer == "":
		return badIssuer("type GENERIC was used, but no configuration for the issuer was given")
	case c.Type == TypeGitHubActions && c.Issuer != GitHubIssuer:
		return badIssuer("type GITHUB_ACTIONS was used, but an issuer other than %s was used: %q", GitHubIssuer, c.Issuer)
	}
	u, err := url.Parse(c.Issuer)
	if err != nil {
		return badIssuer("%w", err)
	}
	if u.Scheme != "https" && !(u.Scheme == "http" && private && isLoopback(u.Hostname())) {
		return badIssuer("%w", errInsecureIssuer)
	}
	if c.preset != nil && !c.preset.issues(c.Issuer) {
		return badIssuer("preset %s was used, whose issuers are like %s: %q", c.preset.Name, strings.Join(c.preset.Issuers, " or "), c.Issuer)
	}
	return nil
}

func badIssuer(format string, args ...any) error {
	return invalid("invalid token issuer provided: "+format, args...)
}

func isLoopback(host string) bool {
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.IsLoopback()
	}
	return strings.EqualFold(host, "localhost")
}

func (c *Config) compileMappings() error {
	c.matchers = make([]matcher, 0, len(c.Mappings))
	var wrong []string
	total := 0
	for _, m := range c.Mappings {
		compiled, err := m.compile()
		if err != nil {
			wrong = append(wrong, "invalid regular expression provided for key "+quote(m.Key)+": "+err.Error())
			continue
		}
		c.matchers = append(c.matchers, compiled)
		total += compiled.size
	}
	if len(wrong) > 0 {
		return invalid("%s", strings.Join(wrong, "\n"))
	}
	if total > maxPrograms {
		return invalid("the mappings' expressions are too complex: about %d instructions together, where %d are allowed", total, maxPrograms)
	}
	return nil
}

func (c *Config) checkAudiences() error {
	if slices.Contains(c.Audiences, "") {
		return invalid("an audience is empty")
	}
	return nil
}

// parseID returns the canonical form of a UUID in one of the spellings upstream takes: in either case, with
// or without dashes, in braces or not (specs A5: nothing else becomes a key).
func parseID(s string) (string, bool) {
	if len(s) > 2 && s[0] == '{' && s[len(s)-1] == '}' {
		s = s[1 : len(s)-1]
	}
	if len(s) != 36 && len(s) != 32 {
		return "", false
	}
	id, err := uuid.Parse(s)
	return id.String(), err == nil
}
