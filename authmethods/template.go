package authmethods

import (
	"net/url"
	"strings"
)

const (
	placeIdentifier = "{{identifier}}"
	placeAccessKey  = "{{access_key}}"
)

// template is what the Injector needs of a path template such as
// "/v1/users:byUUID/{{identifier}}?key={{access_key}}". The path itself belongs to the token exchange
// with the external service and is never applied to a proxied request (specs/auth-methods 5.3).
type template struct {
	query string // the query parameter whose value is exactly {{access_key}}, decoded; "" for none
}

// parseTemplate checks a path template. The empty template is valid and says nothing. Only the two
// placeholders exist: anything else in double braces is refused rather than sent or expanded (P14, H12).
func parseTemplate(path string) (template, error) {
	var t template
	if len(path) > maxPath {
		return t, invalidField("path", "It is longer than %d bytes", maxPath)
	}
	for i := range len(path) {
		if path[i] <= 0x20 || path[i] >= 0x7f {
			return t, invalidField("path", "It holds a space, control or non-ASCII character")
		}
	}
	rest := strings.ReplaceAll(strings.ReplaceAll(path, placeIdentifier, ""), placeAccessKey, "")
	if strings.Contains(rest, "{{") || strings.Contains(rest, "}}") {
		return t, invalidField("path", "Only {{identifier}} and {{access_key}} can be filled in")
	}
	_, query, _ := strings.Cut(path, "?")
	query, _, _ = strings.Cut(query, "#")
	for part := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(part, "=")
		if value != placeAccessKey {
			continue
		}
		name, err := url.QueryUnescape(name)
		if err != nil || name == "" || len(name) > maxQueryName {
			return t, invalidField("path", "The query parameter of {{access_key}} has no usable name")
		}
		if t.query != "" {
			return t, invalidField("path", "{{access_key}} stands in more than one query parameter")
		}
		t.query = name
	}
	return t, nil
}
