package authn

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// ErrDoubtfulPath is wrapped by every refusal of CheckPath. The gateway answers 400.
var ErrDoubtfulPath = errors.New("path can be read in more than one way")

// CheckPath refuses an escaped URL path that a rule of the gateway and the upstream behind it could
// read differently (specs E4, P1 to P4, P7): dot-dot segments in any spelling, path parameters (";"),
// backslashes, encoded slashes, dots of dot segments, "#" and "?", control characters, double
// encoding, and bytes that are not UTF-8. Double slashes, single dots and upper case pass: Caddy's
// matchers judge the cleaned, case-folded path, so the decision is the same as for the plain spelling
// (P2, P5). The empty path and "*" pass; whether the method may have them is for the caller to say. An error never holds the path itself.
func CheckPath(escaped string) error {
	if escaped == "" || escaped == "*" {
		return nil
	}
	if escaped[0] != '/' {
		return doubtful("it does not begin with a slash")
	}
	encoded := false
	for i := 0; i < len(escaped); i++ {
		switch c := escaped[i]; {
		case c == '%':
			encoded = true
		case c == ';':
			return doubtful("path parameter")
		case c == '\\':
			return doubtful("backslash")
		case c == '#' || c == '?':
			return doubtful("unescaped delimiter")
		case c < 0x20 || c == 0x7f:
			return doubtful("control character")
		case c >= 0x80:
			encoded = true // judged with the decoded bytes
		case c == '.' && escaped[i-1] == '/' && strings.HasPrefix(escaped[i:], ".."):
			if rest := escaped[i+2:]; rest == "" || rest[0] == '/' {
				return doubtful("dot-dot segment")
			}
		}
	}
	if !encoded {
		return nil
	}
	return checkDecoded(escaped)
}

func checkDecoded(escaped string) error {
	plain := make([]byte, 0, len(escaped))
	for i := 0; i < len(escaped); i++ {
		c := escaped[i]
		if c != '%' {
			plain = append(plain, c)
			continue
		}
		if i+2 >= len(escaped) || !isHex(escaped[i+1]) || !isHex(escaped[i+2]) {
			return doubtful("broken percent-encoding")
		}
		c = unhex(escaped[i+1])<<4 | unhex(escaped[i+2])
		switch {
		case c == '/' || c == '\\':
			return doubtful("encoded slash")
		case c == ';':
			return doubtful("encoded path parameter")
		case c == '#' || c == '?':
			return doubtful("encoded delimiter")
		case c < 0x20 || c == 0x7f:
			return doubtful("encoded control character")
		}
		plain = append(plain, c)
		i += 2
	}
	if !utf8.Valid(plain) {
		return doubtful("not UTF-8")
	}
	for i := 0; i+2 < len(plain); i++ {
		if plain[i] == '%' && isHex(plain[i+1]) && isHex(plain[i+2]) {
			return doubtful("double encoding")
		}
	}
	segments := strings.Split(string(plain), "/")
	for i, raw := range strings.Split(escaped, "/") { // no encoded slash is left: the two line up
		if s := segments[i]; s == ".." || s == "." && raw != "." {
			return doubtful("encoded dot segment")
		}
	}
	return nil
}

func doubtful(why string) error { return fmt.Errorf("%w: %s", ErrDoubtfulPath, why) }

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c >= 'a':
		return c - 'a' + 10
	default:
		return c - 'A' + 10
	}
}
