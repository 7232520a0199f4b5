package authmethods

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/internal/strictjson"
)

// answerDepth is how deep an external service's answer may nest.
const answerDepth = 32

// MapError is the part of a failed token retrieval that clients may see, found in the chain of an error of
// kind Internal. Its Text names no URL, no secret, and of what the external service answered only its
// status.
type MapError struct{ Text string }

// Error returns Text.
func (e *MapError) Error() string { return e.Text }

func mapError(format string, args ...any) error {
	return &fault.Error{Kind: fault.Internal, Op: "retrieving token", Err: &MapError{fmt.Sprintf(format, args...)}}
}

// retrieve asks the external service of m, a method of st, for the token of the user uniqueKey
// (specs/auth-methods 5.1): whatever JSON value its answer holds in the retrieval field.
func (s *Service) retrieve(ctx context.Context, m *Method, st *ServiceType, uniqueKey string) (json.RawMessage, error) {
	field := m.RetrievalField
	if field == "" {
		field = s.defaults[st.Type].retrievalField
	}
	r, err := s.retrieval(m, st, uniqueKey)
	if err != nil {
		return nil, err
	}
	if r == nil || field == "" {
		return nil, mapError("Backend error") // nothing is configured: upstream's text
	}
	body, err := s.external.get(ctx, r)
	if err != nil {
		return nil, err
	}
	if strictjson.Check(body, answerDepth) != nil {
		return nil, mapError("the answer of the external service is not valid JSON")
	}
	var members map[string]json.RawMessage
	_ = json.Unmarshal(body, &members) // an answer that is no object has no members
	value, ok := members[field]
	if !ok {
		return nil, mapError("The specified retrieval field: `%s` was not found in the response body of the service type", field)
	}
	return slices.Clone(value), nil
}

// retrieval builds the request, authenticated by m. It is nil if no path is configured.
func (s *Service) retrieval(m *Method, st *ServiceType, uniqueKey string) (*http.Request, error) {
	d := s.defaults[st.Type]
	path := m.plan.path
	if m.Path == "" {
		path = d.path
	}
	if len(path.parts) == 0 || path.needsKey() && m.Type != KindAPIKey {
		return nil, nil
	}
	authority, ok := authorityOf(m)
	if !ok {
		return nil, mapError("the host of the auth method is neither a name nor an address")
	}
	u, err := path.url(authority, uniqueKey, m.plan.key.Reveal())
	if err != nil {
		return nil, mapError("the binding's unique key does not fit into the path of the auth method")
	}
	r := &http.Request{
		Method: http.MethodGet, URL: u, Host: u.Host, Header: http.Header{"Accept": {"application/json"}},
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	switch {
	case m.Type == KindHeaders:
		for _, f := range m.plan.headers {
			if f.name != "Accept-Encoding" { // it is for whoever reads the answer to say what can be read
				r.Header[f.name] = []string{f.value.Reveal()}
			}
		}
	case !path.needsKey():
		d.of(m).set(r, m.plan.key.Reveal())
	}
	return r, nil
}

// authorityOf returns host and port of m as a URL writes them. A stored host is any text without a slash;
// one that is no host could name another place in a URL ("a@b", "a?b").
func authorityOf(m *Method) (string, bool) {
	host := m.Host
	if n := len(host); n > 2 && host[0] == '[' && host[n-1] == ']' {
		host = host[1 : n-1]
	}
	if addr, err := netip.ParseAddr(host); err == nil && addr.Zone() == "" {
		return net.JoinHostPort(host, strconv.Itoa(m.Port)), true
	}
	other := func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || r == '.' || r == '_')
	}
	if host == "" || strings.ContainsFunc(host, other) {
		return "", false
	}
	return net.JoinHostPort(host, strconv.Itoa(m.Port)), true
}
