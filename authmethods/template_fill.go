package authmethods

import (
	"errors"
	"net/url"
	"strings"
)

var (
	errNoURL      = errors.New("the path and what fills it make no URL")
	errDotSegment = errors.New("a dot segment in the path")
)

// url fills t in and returns the URL at authority, a host and port. What is filled in cannot leave the
// path segment or query value it stands in; where no encoding ensures that, which is so for a segment of
// one or two dots only, the result is an error. Errors hold nothing of what was filled in.
func (t template) url(authority, identifier, key string) (*url.URL, error) {
	var b strings.Builder
	for _, p := range t.parts {
		b.WriteString(p.literal)
		switch p.fill {
		case fillIdentifier:
			percentEncode(&b, identifier)
		case fillAccessKey:
			percentEncode(&b, key)
		}
	}
	path, query, _ := strings.Cut(b.String(), "?")
	u, err := url.Parse("https://" + authority + b.String())
	if err != nil || u.Scheme != "https" || u.User != nil || u.Opaque != "" || u.Host != authority ||
		u.EscapedPath() != path || u.RawQuery != query || u.Fragment != "" {
		return nil, errNoURL
	}
	for segment := range strings.SplitSeq(path, "/") {
		if s, err := url.PathUnescape(segment); err != nil || s == "." || s == ".." {
			return nil, errDotSegment
		}
	}
	return u, nil
}

// percentEncode writes s with everything encoded that RFC 3986 does not call unreserved, so that it is one
// path segment or one query value to whoever reads it. It encodes dots too where s alone could be read as
// dot segments by servers that decode a path before they split it.
func percentEncode(b *strings.Builder, s string) {
	dots := dotted(s)
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '~', c == '.' && !dots:
			b.WriteByte(c)
		default:
			const hexDigits = "0123456789ABCDEF"
			b.WriteByte('%')
			b.WriteByte(hexDigits[c>>4])
			b.WriteByte(hexDigits[c&15])
		}
	}
}

func dotted(s string) bool {
	for segment := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == '/' || r == '\\' }) {
		if segment == "." || segment == ".." {
			return true
		}
	}
	return false
}
