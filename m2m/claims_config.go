package m2m

import (
	"slices"
	"strings"

	"github.com/authgate/authgate/internal/fault"
)

// Claims returns what Flatten makes of a verified payload for c. With a preset these are the preset's claims
// only, and a token that lacks one of those it requires is refused. Errors are as Flatten's.
func (c *Config) Claims(payload []byte) (map[string][]string, error) {
	claims, err := Flatten(payload, c.Type)
	if err != nil || c.preset == nil {
		return claims, err
	}
	return claims, c.preset.screen(claims)
}

// screen removes the claims that are not the preset's, and refuses tokens of another kind.
func (p *Preset) screen(claims map[string][]string) error {
	for _, name := range p.Required {
		if !slices.ContainsFunc(claims[name], func(v string) bool { return v != "" }) {
			return unauthenticated("ID token is not one of preset %s: it has no claim %q", p.Name, name)
		}
	}
	for _, sub := range claims["sub"] {
		if !strings.HasPrefix(sub, p.SubjectPrefix) {
			return unauthenticated("ID token is not one of preset %s: its sub does not begin with %q", p.Name, p.SubjectPrefix)
		}
	}
	for name := range claims {
		if !p.has(name) {
			delete(claims, name)
		}
	}
	return nil
}

// User is how a token's holder is called (specs/m2m 3.6).
type User struct {
	ID       string // of the config's users; the same for every token of one subject
	FullName string
	Name     string // of the minted token
}

// User returns the name of whom claims are about. The error is of kind Invalid with an *Error: a service
// account's token says too little.
func (c *Config) User(claims map[string][]string) (User, error) {
	typ := c.Type
	if c.preset != nil {
		typ = c.preset.Type
	}
	switch typ {
	case TypeGitHubActions:
		id := first(claims, "actor_id") + "|" + first(claims, "actor")
		return User{ID: id, FullName: first(claims, "actor"), Name: id}, nil
	case TypeKubeServiceAccount:
		const uid = "kubernetes.io.serviceaccount.uid"
		for _, name := range []string{"sub", uid} {
			if first(claims, name) == "" {
				return User{}, newError(fault.Invalid, CodeInvalidArgument, "creating claims for Central token: no %s claim found", name)
			}
		}
		return User{ID: first(claims, uid), FullName: first(claims, "sub"), Name: first(claims, "sub")}, nil
	}
	id := strings.Join(claims["sub"], ":")
	for _, name := range []string{"email", "preferred_username", "full_name"} {
		if friendly := claims[name]; len(friendly) == 1 {
			id += "|" + friendly[0]
			return User{ID: id, FullName: friendly[0], Name: id}, nil
		}
	}
	return User{ID: id, FullName: id, Name: id}, nil
}

func first(claims map[string][]string, name string) string {
	if values := claims[name]; len(values) > 0 {
		return values[0]
	}
	return ""
}
