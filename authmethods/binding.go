package authmethods

import (
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Binding gives a caller's identity the key ("user") it has at one host of a service type. It is
// immutable once a Service hands it out, and then safe for concurrent use.
type Binding struct {
	UUID           string
	Name           string // unique; one path segment
	ServiceUUID    string
	Host           string // one of the service type's hosts, byte for byte
	AuthIdentifier string // x509: the certificate's subject (authn.SubjectDN); oidc: "<issuer> <subject>"
	UniqueKey      string // fills {{identifier}} in the path that retrieves the token
	AuthType       string // AuthTypeX509 or AuthTypeOIDC, one of the service type's AuthTypes
	CreatedOn      time.Time
	UpdatedOn      time.Time // zero until the first update
	LastAuth       time.Time // zero: as upstream, nothing sets it (specs/auth-methods 1.2)
}

// BindingPatch changes a binding: nil leaves a field as it is.
type BindingPatch struct {
	Name, ServiceUUID, Host, AuthIdentifier, UniqueKey, AuthType *string
}

func (p BindingPatch) apply(v Binding, now time.Time) Binding {
	for _, f := range []struct {
		from *string
		to   *string
	}{
		{p.Name, &v.Name}, {p.ServiceUUID, &v.ServiceUUID}, {p.Host, &v.Host},
		{p.AuthIdentifier, &v.AuthIdentifier}, {p.UniqueKey, &v.UniqueKey}, {p.AuthType, &v.AuthType},
	} {
		if f.from != nil {
			*f.to = *f.from
		}
	}
	v.UpdatedOn = now
	return v
}

// checkRequired reports the first empty field in upstream's order.
func (b *Binding) checkRequired() error {
	for _, f := range []struct{ name, value string }{
		{"name", b.Name}, {"service_uuid", b.ServiceUUID}, {"host", b.Host},
		{"auth_identifier", b.AuthIdentifier}, {"unique_key", b.UniqueKey}, {"auth_type", b.AuthType},
	} {
		if f.value == "" {
			return emptyField(resBinding, f.name)
		}
	}
	return nil
}

// checkPlace reports that st does not take the binding, in upstream's order (specs/auth-methods 2.3).
func (b *Binding) checkPlace(st *ServiceType) error {
	if !st.HasHost(b.Host) {
		return notFound("Host")
	}
	if !slices.Contains(st.AuthTypes, b.AuthType) {
		return unsupported("Auth type", b.AuthType, st.AuthTypes)
	}
	return b.checkValues()
}

// checkValues is what authgate refuses beyond upstream: what no path could reach, no header or log line
// should hold, or would fill the store (specs H11, H13, A5).
func (b *Binding) checkValues() error {
	if reason := pathSegmentFault(b.Name); reason != "" {
		return invalidField("name", "%s", reason)
	}
	if utf8.RuneCountInString(b.Name) > maxName {
		return invalidField("name", "It is longer than %d characters", maxName)
	}
	if reason := textFault(b.AuthIdentifier, maxAuthIdentifier); reason != "" {
		return invalidField("auth_identifier", "%s", reason)
	}
	if reason := textFault(b.UniqueKey, maxUniqueKey); reason != "" {
		return invalidField("unique_key", "%s", reason)
	}
	return nil
}

// load checks all that a stored binding must satisfy by itself; whether its service type still takes it
// is asked when it is used.
func (b *Binding) load() (*Binding, error) {
	if err := b.checkRequired(); err != nil {
		return nil, err
	}
	if !slices.Contains(supportedAuthTypes(), b.AuthType) {
		return nil, unsupported("auth_type", b.AuthType, supportedAuthTypes())
	}
	if reason := pathSegmentFault(b.Host); reason != "" || len(b.Host) > maxHost || len(b.ServiceUUID) > maxUUID {
		return nil, invalidField("host", "It cannot be a host of a service type")
	}
	if err := b.checkValues(); err != nil {
		return nil, err
	}
	v := *b
	return &v, nil
}

// activeIn reports whether st, which b names, still takes it: its host and its way of authenticating may
// have been taken off the lists (specs/auth-methods 4.5).
func (b *Binding) activeIn(st *ServiceType) bool {
	return st.HasHost(b.Host) && slices.Contains(st.AuthTypes, b.AuthType)
}

// textFault says why s cannot be kept as a text of at most limit bytes, or "".
func textFault(s string, limit int) string {
	switch {
	case !utf8.ValidString(s):
		return "It is not UTF-8"
	case len(s) > limit:
		return "It is too long"
	case strings.ContainsFunc(s, unicode.IsControl):
		return "Control characters are not allowed"
	}
	return ""
}
