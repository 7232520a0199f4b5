package authn

import (
	"errors"
	"slices"
)

// errEmptyRequirement is the cause of NewRequirements' refusal.
var errEmptyRequirement = errors.New("a requirement names exactly one of roles, scopes, or a claim with values, none of them empty")

// Requirement is one `require` line: the principal must hold any of the named roles, or any of the
// named scopes, or any of the Values of Claim. Exactly one of the three is set. Everything compares byte
// for byte. The zero Requirement is met by nobody.
type Requirement struct {
	Roles  []string
	Scopes []string
	Claim  string
	Values []string
}

// Met reports whether p fulfils r. It is judged for each request, never cached (specs C2).
func (r Requirement) Met(p *Principal) bool {
	if p == nil || r.check() != nil {
		return false
	}
	switch {
	case len(r.Roles) > 0:
		return p.HasRole(r.Roles...)
	case len(r.Scopes) > 0:
		return p.HasScope(r.Scopes...)
	}
	return slices.ContainsFunc(r.Values, func(v string) bool { return p.Attrs.Has(r.Claim, v) })
}

// check reports whether r names exactly one thing.
func (r Requirement) check() error {
	named := 0
	for _, list := range [][]string{r.Roles, r.Scopes, r.Values} {
		if len(list) > 0 {
			named++
		}
		if slices.Contains(list, "") {
			return errEmptyRequirement
		}
	}
	if named != 1 || (r.Claim == "") != (len(r.Values) == 0) {
		return errEmptyRequirement
	}
	return nil
}

// Requirements must all be met. The zero value asks for nothing but a principal.
type Requirements struct{ list []Requirement }

// NewRequirements refuses any Requirement that asks for nothing or for an empty text: a rule that was
// meant to protect must not turn into none by a missing word.
func NewRequirements(list ...Requirement) (Requirements, error) {
	for _, r := range list {
		if err := r.check(); err != nil {
			return Requirements{}, err
		}
	}
	return Requirements{list: slices.Clone(list)}, nil
}

// Met reports whether p fulfils every requirement. A nil p fulfils none, not even an empty list.
func (rs Requirements) Met(p *Principal) bool {
	return p != nil && !slices.ContainsFunc(rs.list, func(r Requirement) bool { return !r.Met(p) })
}
