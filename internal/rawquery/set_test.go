package rawquery

import (
	"net/url"
	"strings"
	"testing"
)

func TestSet(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, raw, want string }{
		{"empty", "", "key=S"},
		{"keeps_others_byte_for_byte", "a=%7e+%20&b&&c=d=e", "a=%7e+%20&b&&c=d=e&key=S"},
		{"leading_separator", "&a=1", "&a=1&key=S"},
		{"trailing_separator", "a=1&", "a=1&&key=S"},
		{"H1_client_value", "key=evil", "key=S"},
		{"H5_repeated", "key=1&a=1&key=2&b=2&key", "a=1&b=2&key=S"},
		{"first_goes", "key=evil&a=1", "a=1&key=S"},
		{"H4_encoded_name", "k%65y=evil&%6B%65%79=evil&a=1", "a=1&key=S"},
		{"double_encoded_is_another_name", "%256Bey=1", "%256Bey=1&key=S"},
		{"H4_other_case", "KEY=1", "key=S"},
		{"prefix_is_another_name", "keys=1&ke=2", "keys=1&ke=2&key=S"},
		{"broken_escape_is_literal", "%6=1&%zzkey=2&key%=3", "%6=1&%zzkey=2&key%=3&key=S"},
		{"semicolon_hides_nothing", "a=1;key=evil;b=2", "a=1;b=2&key=S"},
		{"semicolon_after", "key=evil;b=2", "b=2&key=S"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := Set(tt.raw, "key", "S"); got != tt.want {
				t.Errorf("Set(%q) = %q, want %q", tt.raw, got, tt.want)
			}
		})
	}
	t.Run("encodes_name_and_value", func(t *testing.T) {
		t.Parallel()
		const want = "x+y=AK+1%26x%3D2%23%2F"
		if got := Set("x%20y=1&x+y=2", "x y", "AK 1&x=2#/"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// FuzzSet holds that exactly one parameter of the name remains for every reader, that it is ours,
// and that all others stay byte for byte.
func FuzzSet(f *testing.F) {
	f.Add("a=1&key=2;key=3", "key", "s3cr3t")
	f.Add("&&%6bey&=", "key", "a b&c")
	f.Add("%", "%", "%")
	f.Add("+", "+", "0") // the name as it stands is not what it decodes to
	f.Fuzz(func(t *testing.T, raw, name, value string) {
		if name == "" || strings.ContainsRune(raw, '#') {
			return // neither can be
		}
		got := Set(raw, name, value)
		own := url.QueryEscape(name) + "=" + url.QueryEscape(value)
		rest, ok := strings.CutSuffix(got, own)
		if !ok {
			t.Fatalf("%q does not end with %q", got, own)
		}
		for part := range strings.FieldsFuncSeq(rest, func(r rune) bool { return r == '&' || r == ';' }) {
			if n, _, _ := strings.Cut(part, "="); n == name {
				t.Fatalf("%q still holds %q", rest, part)
			}
			if n, _, _ := strings.Cut(part, "="); decodes(n, name) {
				t.Fatalf("%q still holds %q", rest, part)
			}
		}
		if !containsName(raw, name) && raw != "" && rest != raw+"&" {
			t.Fatalf("%q became %q without need", raw, rest)
		}
	})
}

func decodes(raw, name string) bool {
	s, err := url.QueryUnescape(raw)
	return err == nil && s == name
}

func containsName(raw, name string) bool {
	for part := range strings.FieldsFuncSeq(raw, func(r rune) bool { return r == '&' || r == ';' }) {
		if paramIs(part, name, true) {
			return true
		}
	}
	return false
}
