// Package rawquery edits the query of a URL without touching the parameters it is not asked about:
// url.Values.Encode would reorder and re-escape them, and signatures over a URL would break. A name counts
// as found if any reader would see it: as it stands, or decoded with broken escapes taken literally, and
// behind ";" as well as "&", since some servers still split there.
// It imports only the standard library.
package rawquery

import (
	"net/url"
	"strings"
)

// Has reports whether raw holds a parameter called name, in exactly this case.
func Has(raw, name string) bool {
	for raw != "" {
		part := raw
		if i := strings.IndexAny(raw, "&;"); i >= 0 {
			part, raw = raw[:i], raw[i+1:]
		} else {
			raw = ""
		}
		if paramIs(part, name, false) {
			return true
		}
	}
	return false
}

// Remove returns raw without the parameters called name, the rest byte for byte.
func Remove(raw, name string) string {
	if !Has(raw, name) {
		return raw
	}
	var b strings.Builder
	b.Grow(len(raw))
	writeOthers(&b, raw, name, false)
	return b.String()
}

// Set returns raw with exactly one parameter called name, of the given value, at the end, both encoded. It
// also removes those that differ by case only: some servers would take them for the same.
func Set(raw, name, value string) string {
	var b strings.Builder
	b.Grow(len(raw) + len(name) + len(value) + 16)
	if writeOthers(&b, raw, name, true) {
		b.WriteByte('&')
	}
	b.WriteString(url.QueryEscape(name))
	b.WriteByte('=')
	b.WriteString(url.QueryEscape(value))
	return b.String()
}

// writeOthers writes the parameters that are not called name, and reports whether there were any.
func writeOthers(b *strings.Builder, raw, name string, fold bool) (any bool) {
	for rest, sep := raw, ""; rest != "" || sep != ""; {
		part, next := rest, ""
		lead := sep
		if i := strings.IndexAny(rest, "&;"); i >= 0 {
			part, sep, next = rest[:i], rest[i:i+1], rest[i+1:]
		} else {
			sep = ""
		}
		rest = next
		if paramIs(part, name, fold) {
			continue
		}
		if any {
			b.WriteString(lead)
		}
		b.WriteString(part)
		any = true
	}
	return any
}

// paramIs reports whether the name of a raw parameter is name, either as it stands or decoded, reading
// broken escapes literally as lenient upstreams do.
func paramIs(part, name string, fold bool) bool {
	if i := strings.IndexByte(part, '='); i >= 0 {
		part = part[:i]
	}
	if part == name || fold && strings.EqualFold(part, name) {
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
		if n >= len(name) || name[n] != c && !(fold && lower(name[n]) == lower(c)) {
			return false
		}
		n++
	}
	return n == len(name)
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
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
