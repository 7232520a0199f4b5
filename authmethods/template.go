package authmethods

import (
	"net/url"
	"strings"
)

const (
	placeIdentifier = "{{identifier}}"
	placeAccessKey  = "{{access_key}}"
)

// template is a path template such as "/v1/users:byUUID/{{identifier}}?key={{access_key}}", parsed once.
// The path belongs to the token retrieval from the external service and is never applied to a proxied
// request (specs/auth-methods 5.3); of that only query matters. The zero value is no template.
type template struct {
	query string // the query parameter whose value is exactly {{access_key}}, decoded; "" for none
	parts []part
}

// part is literal text and the placeholder behind it.
type part struct {
	literal string
	fill    filling
}

type filling uint8

const (
	fillNone filling = iota
	fillIdentifier
	fillAccessKey
)

// needsKey reports whether {{access_key}} stands in the template.
func (t template) needsKey() bool {
	for _, p := range t.parts {
		if p.fill == fillAccessKey {
			return true
		}
	}
	return false
}

// parseTemplate checks a path template. The empty template is valid and says nothing. Only the two
// placeholders exist: anything else in double braces is refused rather than sent or expanded (P14, H12).
// A template has to begin with a slash, or what is filled in could become part of host or port.
func parseTemplate(path string) (template, error) {
	var t template
	if path == "" {
		return t, nil
	}
	if len(path) > maxPath {
		return t, invalidField("path", "It is longer than %d bytes", maxPath)
	}
	for i := range len(path) {
		if path[i] <= 0x20 || path[i] >= 0x7f {
			return t, invalidField("path", "It holds a space, control or non-ASCII character")
		}
	}
	if path[0] != '/' {
		return t, invalidField("path", "It does not begin with a slash")
	}
	for rest := path; rest != ""; {
		p, next, ok := cutPart(rest)
		if !ok {
			return t, invalidField("path", "Only {{identifier}} and {{access_key}} can be filled in")
		}
		// Each literal by itself: one that ends in half an escape would make what is filled in the other half.
		if _, err := url.PathUnescape(p.literal); err != nil {
			return t, invalidField("path", "It is not the path and query of a URL")
		}
		t.parts = append(t.parts, p)
		rest = next
	}
	// Anything that the URL would hold in another form than it was written in.
	if _, err := t.url("host:1", "x", "x"); err != nil {
		return t, invalidField("path", "It is not the path and query of a URL")
	}
	var err error
	t.query, err = keyParameter(path)
	return t, err
}

// cutPart takes the text before the first placeholder and that placeholder off s.
func cutPart(s string) (p part, rest string, ok bool) {
	i := strings.Index(s, "{{")
	if i < 0 {
		return part{literal: s}, "", !strings.Contains(s, "}}")
	}
	p.literal, rest = s[:i], s[i:]
	if strings.Contains(p.literal, "}}") {
		return p, rest, false
	}
	if after, found := strings.CutPrefix(rest, placeIdentifier); found {
		p.fill, rest = fillIdentifier, after
	} else if after, found := strings.CutPrefix(rest, placeAccessKey); found {
		p.fill, rest = fillAccessKey, after
	}
	return p, rest, p.fill != fillNone
}

// keyParameter returns the query parameter whose value is exactly {{access_key}}, decoded.
func keyParameter(path string) (string, error) {
	found := ""
	_, query, _ := strings.Cut(path, "?")
	for part := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(part, "=")
		if value != placeAccessKey {
			continue
		}
		name, err := url.QueryUnescape(name)
		if err != nil || name == "" || len(name) > maxQueryName {
			return "", invalidField("path", "The query parameter of {{access_key}} has no usable name")
		}
		if found != "" {
			return "", invalidField("path", "{{access_key}} stands in more than one query parameter")
		}
		found = name
	}
	return found, nil
}
