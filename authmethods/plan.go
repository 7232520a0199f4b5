package authmethods

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/authgate/authgate/authn"
	"github.com/authgate/authgate/internal/secret"
)

// defaultHeader is where an api-key goes unless a path template or the type's placement says otherwise
// (specs/auth-methods 5.2: ARGO's own services read it there).
const (
	defaultHeader     = "X-Api-Key"
	defaultHeaderNorm = "x-api-key"
)

// plan is a method's credential as the Injector uses it, made once when the record is loaded.
type plan struct {
	managed headerNames   // the headers whose client-sent twins go
	secret  headerNames   // those of them that may hold a credential
	headers []headerField // KindHeaders: what is set
	key     secret.String // KindAPIKey
	query   string        // KindAPIKey: query parameter by the record's own path template, or ""
	path    template      // the record's own, or zero
	leaks   []string      // the texts that must not come back in responses and errors
}

type headerField struct {
	name  string // canonical, as a key of http.Header
	value secret.String
}

// compile checks the credential and the path template of m and makes the plan. No error holds a value.
func compile(m *Method) (*plan, error) {
	t, err := parseTemplate(m.Path)
	if err != nil {
		return nil, err
	}
	p := &plan{managed: headerNames{defaultHeaderNorm}, secret: headerNames{defaultHeaderNorm}, path: t}
	if m.Type == KindAPIKey {
		if reason := headerValueFault(m.AccessKey.Reveal()); reason != "" {
			return nil, invalidField("access_key", "%s", reason)
		}
		p.key, p.query = m.AccessKey, t.query
		p.leaks = leaksOf(defaultHeaderNorm, m.AccessKey.Reveal())
		return p, nil
	}
	return p, p.compileHeaders(m.Headers)
}

func (p *plan) compileHeaders(headers map[string]secret.String) error {
	if len(headers) > maxHeaders {
		return invalidField("headers", "More than %d headers", maxHeaders)
	}
	size := 0
	seen := make(map[string]struct{}, len(headers))
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		value := headers[name].Reveal()
		if reason := headerNameFault(name); reason != "" {
			return invalidField("headers", "%s", reason)
		}
		if value == "" {
			return invalidField("headers", "The header %s has no value", name)
		}
		if reason := headerValueFault(value); reason != "" {
			return invalidField("headers", "The value of %s cannot be sent. %s", name, reason)
		}
		norm := authn.NormalizeHeaderName(name)
		if _, twin := seen[norm]; twin {
			// Upstreams fold such names into one; which value they take is not ours to guess (H4).
			return invalidField("headers", "Two names fold to %s", norm)
		}
		seen[norm] = struct{}{}
		if size += len(name) + len(value); size > maxHeaderBytes {
			return invalidField("headers", "They are larger than %d bytes together", maxHeaderBytes)
		}
		if norm != defaultHeaderNorm {
			p.managed = append(p.managed, norm)
			if !ordinary(norm) {
				p.secret = append(p.secret, norm)
			}
		}
		p.headers = append(p.headers, headerField{http.CanonicalHeaderKey(name), headers[name]})
		p.leaks = append(p.leaks, leaksOf(norm, value)...)
	}
	return nil
}

// ordinary reports whether no credential is ever sent in a header of this normalised name. A method may
// set one all the same ("Accept: application/json"), and an upstream that answers with such a value
// echoes no secret.
func ordinary(norm string) bool {
	switch norm {
	case "accept", "accept-charset", "accept-encoding", "accept-language", "cache-control", "content-encoding",
		"content-language", "content-type", "from", "origin", "pragma", "prefer", "range", "referer", "user-agent",
		"x-requested-with", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-for":
		return true
	}
	return false
}

// leaksOf returns the forms in which a header's value may come back: itself, what follows an
// authentication scheme, and percent-encoded.
func leaksOf(norm, value string) []string {
	if ordinary(norm) {
		return nil
	}
	return formsOf(value)
}

func formsOf(value string) []string {
	forms := []string{value}
	add := func(s string) {
		if s != "" && !slices.Contains(forms, s) {
			forms = append(forms, s)
		}
	}
	if scheme, rest, ok := strings.Cut(value, " "); ok && scheme != "" {
		if rest = strings.TrimLeft(rest, " "); len(rest) >= minScrub {
			add(rest)
		}
	}
	for _, s := range slices.Clone(forms) {
		add(url.QueryEscape(s))
		add(url.PathEscape(s))
	}
	return forms
}
