package store

import (
	"errors"
	"strings"
)

const upperHex = "0123456789ABCDEF"

var errEscape = errors.New("malformed escape")

// escape makes one path segment of any text. It is injective: two texts never get the same segment
// (specs C3). What could end a segment, climb out of it or upset a terminal becomes %XX, a dot at the
// beginning too; the empty text becomes a lone "%". Plain text is returned as it is, without a copy.
func escape(text string) string {
	if text == "" {
		return "%"
	}
	n := 0
	for i := range len(text) {
		if mustEscape(text, i) {
			n++
		}
	}
	if n == 0 {
		return text
	}
	var b strings.Builder
	b.Grow(len(text) + 2*n)
	for i := range len(text) {
		if c := text[i]; mustEscape(text, i) {
			b.WriteByte('%')
			b.WriteByte(upperHex[c>>4])
			b.WriteByte(upperHex[c&15])
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// unescape is the inverse of escape. It accepts nothing escape would not have written, so that no two
// segments name one text either.
func unescape(segment string) (string, error) {
	if segment == "%" {
		return "", nil
	}
	if segment == "" {
		return "", errEscape
	}
	if strings.IndexByte(segment, '%') < 0 {
		if escape(segment) != segment {
			return "", errEscape
		}
		return segment, nil
	}
	var b strings.Builder
	b.Grow(len(segment))
	for i := 0; i < len(segment); i++ {
		c := segment[i]
		if c == '%' {
			if i+2 >= len(segment) {
				return "", errEscape
			}
			high := strings.IndexByte(upperHex, segment[i+1])
			low := strings.IndexByte(upperHex, segment[i+2])
			if high < 0 || low < 0 {
				return "", errEscape
			}
			c = byte(high<<4 | low)
			i += 2
		}
		b.WriteByte(c)
	}
	if text := b.String(); escape(text) == segment {
		return text, nil
	}
	return "", errEscape
}

func mustEscape(text string, i int) bool {
	switch c := text[i]; {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return false
	case c == '.':
		return i == 0
	default:
		return strings.IndexByte("-_~:@+=,", c) < 0
	}
}
