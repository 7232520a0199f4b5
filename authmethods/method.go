package authmethods

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/authgate/authgate/internal/secret"
)

// Method is the credential for one host of one service type. It is immutable once a Service hands it
// out, the map included, and then safe for concurrent use.
type Method struct {
	UUID           string
	ServiceUUID    string
	Host           string // one of the service type's hosts, byte for byte
	Port           int    // 1 to 65535
	Type           string // KindAPIKey or KindHeaders, the service type's AuthMethod when it was made
	AccessKey      secret.String
	Headers        map[string]secret.String
	Path           string // overrides the type's default path template; empty for none
	RetrievalField string // overrides the type's default; empty for none
	CreatedOn      time.Time
	UpdatedOn      time.Time // zero until the first update
	Origin         string    // OriginCaddyfile, or empty for a stored one

	plan *plan
}

// newMethod checks the values of v (not that its fields are there, nor its place in a service type) and
// returns it with its plan, ready for use. It copies the map.
func newMethod(v Method) (*Method, error) {
	if v.Port < 1 || v.Port > 65535 {
		return nil, invalidField("port", "It must be between 1 and 65535")
	}
	if err := checkRetrievalField(v.RetrievalField); err != nil {
		return nil, err
	}
	switch v.Type {
	case KindAPIKey:
		v.Headers = nil
	case KindHeaders:
		v.AccessKey = secret.String{}
	}
	p, err := compile(&v)
	if err != nil {
		return nil, err
	}
	if v.Headers != nil {
		headers := make(map[string]secret.String, len(v.Headers))
		for name, value := range v.Headers {
			headers[name] = value
		}
		v.Headers = headers
	}
	v.plan = p
	return &v, nil
}

// placeMethod checks all of m against the service type it is to belong to, in upstream's order, and
// returns it ready for use.
func placeMethod(m Method, st *ServiceType) (*Method, error) {
	if err := m.checkRequired(); err != nil {
		return nil, err
	}
	if !st.HasHost(m.Host) {
		return nil, notFound("Host")
	}
	if err := m.checkCredential(); err != nil {
		return nil, err
	}
	made, err := newMethod(m)
	if err == nil {
		err = checkNoSecret(m.Path)
	}
	if err != nil {
		return nil, err
	}
	return made, nil
}

func checkRetrievalField(s string) error {
	if !utf8.ValidString(s) || len(s) > maxRetrievalField || strings.ContainsFunc(s, unicode.IsControl) {
		return invalidField("retrieval_field", "It is too long or holds characters that are not allowed")
	}
	return nil
}

// checkRequired reports the first empty one of the fields every method needs, in upstream's order.
func (m *Method) checkRequired() error {
	switch {
	case m.ServiceUUID == "":
		return emptyField(resMethod, "service_uuid")
	case m.Port == 0:
		return emptyField(resMethod, "port")
	case m.Host == "":
		return emptyField(resMethod, "host")
	}
	return nil
}

// checkCredential reports that the field of the method's kind is empty. Upstream asks for it only after
// the host has been found (specs/auth-methods 2.2).
func (m *Method) checkCredential() error {
	switch m.Type {
	case KindAPIKey:
		if m.AccessKey.Empty() {
			return emptyField(resMethod, "access_key")
		}
	case KindHeaders:
		if len(m.Headers) == 0 {
			return emptyField(resMethod, "headers")
		}
	default:
		return unsupported("type", m.Type, supportedAuthMethods())
	}
	return nil
}
