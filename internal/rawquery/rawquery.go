// Package rawquery edits the query of a URL without touching the parameters it is not asked about:
// url.Values.Encode would reorder and re-escape them, and signatures over a URL would break.
// It imports only the standard library.
package rawquery

import (
	"net/url"
	"strings"
)

// Has reports whether raw holds a parameter that any reader would decode to name.
func Has(raw, name string) bool {
	for raw != "" {
		var part string
		part, raw, _ = strings.Cut(raw, "&")
		if named(part, name) {
			return true
		}
	}
	return false
}

// Remove returns raw without the parameters that any reader would decode to name, the rest byte for byte.
func Remove(raw, name string) string {
	if !Has(raw, name) {
		return raw
	}
	var kept []string
	for part := range strings.SplitSeq(raw, "&") {
		if !named(part, name) {
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, "&")
}

// Set returns raw with exactly one parameter name, of the given value, at the end.
func Set(raw, name, value string) string {
	raw = Remove(raw, name)
	if raw != "" {
		raw += "&"
	}
	return raw + url.QueryEscape(name) + "=" + url.QueryEscape(value)
}

// named also looks behind each semicolon: some upstreams still split there, Go does not.
func named(part, name string) bool {
	for piece := range strings.SplitSeq(part, ";") {
		key, _, _ := strings.Cut(piece, "=")
		if key == name {
			return true
		}
		if strings.ContainsAny(key, "%+") {
			if plain, err := url.QueryUnescape(key); err == nil && plain == name {
				return true
			}
		}
	}
	return false
}
