package roles

import (
	"maps"
	"slices"
	"strings"

	"github.com/authgate/authgate/internal/fault"
)

// The resources of the management APIs.
const (
	ResourceAccess      = "Access" // m2m configs, roles, explain: who gets which role
	ResourceAudit       = "Audit"
	ResourceAuthMethods = "AuthMethods"
	ResourceClients     = "Clients"
	ResourceKeys        = "Keys"
	ResourceOAuth       = "OAuth"
	ResourceTokens      = "Tokens"
)

// Resources returns all resources, sorted.
func Resources() []string {
	return []string{
		ResourceAccess, ResourceAudit, ResourceAuthMethods, ResourceClients, ResourceKeys, ResourceOAuth, ResourceTokens,
	}
}

// Permissions say which access is given to which resource; a resource that is absent gets none. Those a
// Service hands out are shared and must not be changed. A nil map allows nothing.
type Permissions map[string]Access

// ParsePermissions makes Permissions of the names the APIs use. Entries of NoAccess are dropped. Its errors
// are of kind Invalid and name what is known.
func ParsePermissions(names map[string]string) (Permissions, error) {
	p := make(Permissions, len(names))
	for _, resource := range slices.Sorted(maps.Keys(names)) {
		access, err := ParseAccess(names[resource])
		if err != nil {
			return nil, fault.New(fault.Invalid, "", "permissions", "resource %q: %w", resource, err)
		}
		p[resource] = access
	}
	return p.normal()
}

// normal checks p and returns a copy without entries of NoAccess.
func (p Permissions) normal() (Permissions, error) {
	out := make(Permissions, len(p))
	for _, resource := range slices.Sorted(maps.Keys(p)) {
		if !slices.Contains(Resources(), resource) {
			return nil, fault.New(fault.Invalid, "", "permissions", "resource %q is unknown, those known are: %s",
				resource, strings.Join(Resources(), ", "))
		}
		switch access := p[resource]; {
		case !access.valid():
			return nil, fault.New(fault.Invalid, "", "permissions", "resource %q: access %d is unknown", resource, uint8(access))
		case access != NoAccess:
			out[resource] = access
		}
	}
	return out, nil
}

// Allows reports whether p gives want, or more, to resource. It is false if want is NoAccess: who guards
// something with that has forgotten to say with what.
func (p Permissions) Allows(resource string, want Access) bool {
	have := p[resource]
	return want != NoAccess && have.valid() && have >= want
}

// Covers reports whether p allows all that other does.
func (p Permissions) Covers(other Permissions) bool {
	_, _, exceeds := p.exceededBy(other)
	return !exceeds
}

// exceededBy names something that other allows and p does not: the first by name.
func (p Permissions) exceededBy(other Permissions) (resource string, access Access, exceeds bool) {
	for r, a := range other {
		if a != NoAccess && !p.Allows(r, a) && (!exceeds || r < resource) {
			resource, access, exceeds = r, a, true
		}
	}
	return resource, access, exceeds
}

// Union returns what p or other allows. The result may be one of them; neither is changed.
func (p Permissions) Union(other Permissions) Permissions {
	both, _ := p.join(other, false)
	return both
}

// join is Union for a p that is own, and may be changed, or not. It also says which of both the result is.
func (p Permissions) join(other Permissions, own bool) (Permissions, bool) {
	switch {
	case p.Covers(other):
		return p, own
	case other.Covers(p):
		return other, false
	case !own:
		both := make(Permissions, len(p)+len(other))
		maps.Copy(both, p)
		p = both
	}
	for resource, access := range other {
		p[resource] = max(p[resource], access)
	}
	return p, true
}

// MayGrant reports whether who has p may give others these roles: none may allow what p does not. The error
// is of kind Forbidden and wraps an *ExceedsError that names the first role that does.
func (p Permissions) MayGrant(granted []*Role) error {
	for _, r := range granted {
		if resource, access, exceeds := p.exceededBy(r.Permissions); exceeds {
			return &fault.Error{Kind: fault.Forbidden, Err: &ExceedsError{r.Name, resource, access}}
		}
	}
	return nil
}
