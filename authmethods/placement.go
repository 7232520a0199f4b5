package authmethods

import (
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/authgate/authgate/authn"
	"github.com/authgate/authgate/internal/rawquery"
)

// Defaults are what the methods of all service types of one type share unless they say otherwise.
// An empty field keeps the built-in default.
type Defaults struct {
	Path           string // path template; a query parameter {{access_key}} in it is also the placement
	RetrievalField string
	Placement      string // where an api-key goes: "header <name>" or "query <name>"; default header x-api-key
}

// builtinDefaults are upstream's (specs/auth-methods 1.4).
func builtinDefaults() map[string]Defaults {
	return map[string]Defaults{
		"ams":     {Path: "/v1/users:byUUID/{{identifier}}", RetrievalField: "token"},
		"web-api": {Path: "/api/v2/admin/users:byID/{{identifier}}?export=flat", RetrievalField: "api_key"},
		"custom":  {},
	}
}

// place is where an api-key goes: exactly one of header and query is set.
type place struct {
	header string // canonical
	norm   string // header normalised
	query  string
}

// set puts a credential on r, whose header and URL must be its own.
func (p place) set(r *http.Request, value string) {
	if p.query == "" {
		r.Header[p.header] = []string{value}
		return
	}
	setQuery(r, rawquery.Set(r.URL.RawQuery, p.query, value))
}

// clearQuery removes from r what a client may have put into the query parameter p, if p is one.
func (p place) clearQuery(r *http.Request) {
	if p.query != "" {
		// Set first: unlike Remove it also takes away the names that differ by case only.
		setQuery(r, rawquery.Remove(rawquery.Set(r.URL.RawQuery, p.query, ""), p.query))
	}
}

func setQuery(r *http.Request, raw string) {
	u := *r.URL
	u.RawQuery, u.ForceQuery = raw, false
	r.URL = &u
}

// typeDefaults are Defaults ready for use. They decide for methods that do not say otherwise.
type typeDefaults struct {
	path           template
	retrievalField string
	byTemplate     place // by the default path template; zero for none
	byType         place // the configured placement; zero for none
}

// of returns where the key of p goes: the record's template, then the type's (only if the record has
// no path of its own), then the configured placement, then header x-api-key (specs/auth-methods 5.3).
func (t *typeDefaults) of(m *Method) place {
	switch {
	case m.plan.query != "":
		return place{query: m.plan.query}
	case m.Path == "" && t.byTemplate != (place{}):
		return t.byTemplate
	}
	return t.plain()
}

// plain returns where a key or token goes that no template places.
func (t *typeDefaults) plain() place {
	if t.byType != (place{}) {
		return t.byType
	}
	return place{header: defaultHeader, norm: defaultHeaderNorm}
}

func (d Defaults) compile() (*typeDefaults, error) {
	t := &typeDefaults{retrievalField: d.RetrievalField}
	var err error
	if t.path, err = parseTemplate(d.Path); err != nil {
		return nil, err
	}
	if t.path.query != "" {
		t.byTemplate = place{query: t.path.query}
	}
	if err := checkRetrievalField(d.RetrievalField); err != nil {
		return nil, err
	}
	if t.byType, err = parsePlacement(d.Placement); err != nil {
		return nil, err
	}
	return t, nil
}

// parsePlacement reads "header <name>" or "query <name>"; the empty text is the zero place.
func parsePlacement(text string) (place, error) {
	if text == "" {
		return place{}, nil
	}
	switch in, name, _ := strings.Cut(text, " "); in {
	case "header":
		if reason := headerNameFault(name); reason != "" {
			return place{}, invalidField("placement", "%s", reason)
		}
		return place{header: http.CanonicalHeaderKey(name), norm: authn.NormalizeHeaderName(name)}, nil
	case "query":
		if name == "" || len(name) > maxQueryName || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
			return place{}, invalidField("placement", "The query parameter has no usable name")
		}
		return place{query: name}, nil
	}
	return place{}, invalidField("placement", "It must be header <name> or query <name>")
}
