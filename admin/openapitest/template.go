package openapitest

import (
	"net/url"
	"strings"
)

// segment is a part of a path template: a text, or a name in braces with a text after it.
type segment struct {
	text  string // all of it, or what follows the name
	named bool
}

type template []segment

func parseTemplate(path string) template {
	var t template
	for part := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
		s := segment{text: part}
		if rest, ok := strings.CutPrefix(part, "{"); ok {
			_, s.text, s.named = strings.Cut(rest, "}")
		}
		t = append(t, s)
	}
	return t
}

func (t template) matches(path string) bool {
	rest, ok := strings.CutPrefix(path, "/")
	parts := strings.Split(rest, "/")
	if !ok || len(parts) != len(t) {
		return false
	}
	for i, s := range t {
		part, err := url.PathUnescape(parts[i])
		if err != nil || part == "." || part == ".." || strings.Contains(part, "/") {
			return false // no segment, for one reader or another (RFC 3986 section 3.3)
		}
		if value, ends := strings.CutSuffix(part, s.text); !ends || s.named == (value == "") {
			return false
		}
	}
	return true
}

// beats reports whether t says more of a path than other: the first segment in which they differ decides.
func (t template) beats(other template) bool {
	for i := range t {
		if a, b := t[i].rank(), other[i].rank(); a != b {
			return a > b
		}
	}
	return false
}

func (s segment) rank() int {
	switch {
	case !s.named:
		return 2
	case s.text != "":
		return 1
	}
	return 0
}
