package authmethods

import (
	"slices"
	"time"
	"unicode/utf8"
)

// The kinds of credential a service type's AuthMethod names.
const (
	KindAPIKey  = "api-key"
	KindHeaders = "headers"
)

// The ways a caller may authenticate, as AuthTypes and a Binding's AuthType name them.
const (
	AuthTypeX509 = "x509"
	AuthTypeOIDC = "oidc"
)

// OriginCaddyfile is the Origin of declared objects; stored objects have none.
const OriginCaddyfile = "Caddyfile"

// The values a service type may hold, in the order the API's error texts print them.
func supportedTypes() []string       { return []string{"ams", "web-api", "custom"} }
func supportedAuthTypes() []string   { return []string{AuthTypeX509, AuthTypeOIDC} }
func supportedAuthMethods() []string { return []string{KindAPIKey, KindHeaders} }

// ServiceType groups hosts that are reached with one kind of credential. It is immutable once a Service
// hands it out, slices included, and then safe for concurrent use.
type ServiceType struct {
	UUID       string
	Name       string   // unique; the path key of everything below it
	Hosts      []string // opaque, compared byte for byte by the API and normalised by the Injector
	AuthTypes  []string // how callers may authenticate: AuthTypeX509, AuthTypeOIDC
	AuthMethod string   // KindAPIKey or KindHeaders: the kind of the methods below it
	Type       string   // ams, web-api or custom; picks Defaults
	CreatedOn  time.Time
	UpdatedOn  time.Time // zero until the first update
	Origin     string    // OriginCaddyfile, or empty for a stored one

	spellings map[string][]string // normalised host -> the spellings in Hosts
}

// HasHost reports whether host is registered, byte for byte.
func (st *ServiceType) HasHost(host string) bool { return slices.Contains(st.Hosts, host) }

// newServiceType validates v and returns it ready for use. It copies the slices.
func newServiceType(v ServiceType) (*ServiceType, error) {
	if err := v.validate(); err != nil {
		return nil, err
	}
	v.Hosts, v.AuthTypes = slices.Clone(v.Hosts), slices.Clone(v.AuthTypes)
	v.spellings = make(map[string][]string, len(v.Hosts))
	for _, h := range v.Hosts {
		n := normalHost(h)
		if n != "" && !slices.Contains(v.spellings[n], h) {
			v.spellings[n] = append(v.spellings[n], h)
		}
	}
	return &v, nil
}

// validate reports the first fault in upstream's order (specs/auth-methods 2.1), then what authgate
// refuses beyond it (4.8). nil and empty lists differ: an absent list is an empty field.
func (st *ServiceType) validate() error {
	switch {
	case st.Name == "":
		return emptyField(resServiceType, "name")
	case st.Hosts == nil:
		return emptyField(resServiceType, "hosts")
	case st.AuthTypes == nil:
		return emptyField(resServiceType, "auth_types")
	case st.AuthMethod == "":
		return emptyField(resServiceType, "auth_method")
	case st.Type == "":
		return emptyField(resServiceType, "type")
	case len(st.Hosts) == 0:
		return emptyField(resServiceType, "hosts")
	case !slices.Contains(supportedAuthMethods(), st.AuthMethod):
		return unsupported("auth_method", st.AuthMethod, supportedAuthMethods())
	case len(st.AuthTypes) == 0:
		return unsupported("auth_types", "empty", supportedAuthTypes())
	}
	for _, t := range st.AuthTypes {
		if !slices.Contains(supportedAuthTypes(), t) {
			return unsupported("auth_types", t, supportedAuthTypes())
		}
	}
	if !slices.Contains(supportedTypes(), st.Type) {
		return unsupported("type", st.Type, supportedTypes())
	}
	return st.validateValues()
}

func (st *ServiceType) validateValues() error {
	if reason := pathSegmentFault(st.Name); reason != "" {
		return invalidField("name", "%s", reason)
	}
	if utf8.RuneCountInString(st.Name) > maxName {
		return invalidField("name", "It is longer than %d characters", maxName)
	}
	if len(st.Hosts) > maxHosts {
		return invalidField("hosts", "More than %d hosts", maxHosts)
	}
	if len(st.AuthTypes) > maxAuthTypes {
		return invalidField("auth_types", "More than %d entries", maxAuthTypes)
	}
	for _, h := range st.Hosts {
		if reason := pathSegmentFault(h); reason != "" {
			return invalidField("hosts", "%s", reason)
		}
		if len(h) > maxHost {
			return invalidField("hosts", "A host is longer than %d bytes", maxHost)
		}
	}
	return nil
}
