package cli

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// unsafe reports whether a terminal might take r for an order, or show other text than there is: control
// characters of both ranges, and those that turn or hide text (specs H11).
func unsafe(r rune) bool {
	return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co)
}

// clean returns text from outside as it may be printed: one line, with everything unsafe spelled out as an
// escape, so that two texts that differ also look different.
func clean(text string) string {
	if utf8.ValidString(text) && !strings.ContainsFunc(text, unsafe) {
		return text
	}
	var b strings.Builder
	for i, r := range text {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(text[i:], "\uFFFD"):
			fmt.Fprintf(&b, `\x%02x`, text[i])
		case unsafe(r) && r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		case unsafe(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// cleanJSON does the same to a JSON text, whose lines stay: what is unsafe can only be within its strings,
// and there an escape means the same.
func cleanJSON(data []byte) string {
	text := strings.ToValidUTF8(string(data), "\uFFFD")
	if !strings.ContainsFunc(text, unsafeInJSON) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		switch {
		case !unsafeInJSON(r):
			b.WriteRune(r)
		case r > 0xffff:
			r -= 0x10000
			fmt.Fprintf(&b, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

func unsafeInJSON(r rune) bool { return r != '\n' && unsafe(r) }

// clip bounds a text that becomes part of a message.
func clip(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "..."
}
