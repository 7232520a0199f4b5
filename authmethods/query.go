package authmethods

import (
	"net/url"
	"strings"
)

// setQuery returns the raw query with every parameter that decodes to name removed, and name=value
// appended, encoded. All other bytes stay as they are: a signature over the query must still match.
// ";" also counts as a separator when looking for name, since some upstreams still read it as one.
func setQuery(raw, name, value string) string {
	var b strings.Builder
	b.Grow(len(raw) + len(name) + len(value) + 16)
	kept := false
	for rest, sep := raw, ""; rest != "" || sep != ""; {
		part, next := rest, ""
		lead := sep
		if i := strings.IndexAny(rest, "&;"); i >= 0 {
			part, sep, next = rest[:i], rest[i:i+1], rest[i+1:]
		} else {
			sep = ""
		}
		rest = next
		if paramIs(part, name) {
			continue
		}
		if kept {
			b.WriteString(lead)
		}
		b.WriteString(part)
		kept = true
	}
	if kept {
		b.WriteByte('&')
	}
	b.WriteString(url.QueryEscape(name))
	b.WriteByte('=')
	b.WriteString(url.QueryEscape(value))
	return b.String()
}

// paramIs reports whether the name of a raw parameter is name, either as it stands or decoded, reading
// broken escapes literally as lenient upstreams do.
func paramIs(part, name string) bool {
	if i := strings.IndexByte(part, '='); i >= 0 {
		part = part[:i]
	}
	if part == name {
		return true
	}
	n := 0
	for i := 0; i < len(part); i++ {
		c := part[i]
		switch {
		case c == '+':
			c = ' '
		case c == '%' && i+2 < len(part) && isHex(part[i+1]) && isHex(part[i+2]):
			c = unhex(part[i+1])<<4 | unhex(part[i+2])
			i += 2
		}
		if n >= len(name) || name[n] != c {
			return false
		}
		n++
	}
	return n == len(name)
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c <= 'F':
		return c - 'A' + 10
	}
	return c - 'a' + 10
}
