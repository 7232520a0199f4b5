package authn

import (
	"errors"
	"net/url"
	"path"
	"strings"
	"testing"
)

var pathCases = []struct {
	name, path string
	ok         bool
}{
	{"plain", "/admin/x", true},
	{"root", "/", true},
	{"empty", "", true},
	{"options_star", "*", true},
	{"P1_dotdot", "/public/../admin", false},
	{"P1_dotdot_at_end", "/public/..", false},
	{"P1_encoded_dotdot", "/public/%2e%2e/admin", false},
	{"P1_encoded_dotdot_upper", "/public/%2E%2E/admin", false},
	{"P1_half_encoded_dotdot", "/public/.%2e/admin", false},
	{"P1_encoded_slash", "/public/..%2fadmin", false},
	{"P1_encoded_slash_upper", "/admin%2Fx", false},
	{"P1_double_encoded", "/public/%252e%252e/admin", false},
	{"P1_double_encoded_slash", "/public/%252fadmin", false},
	{"P2_double_slash", "//admin", true},
	{"P2_dot", "/./admin", true},
	{"P2_trailing_slash", "/admin/", true},
	{"P2_inner_double_slash", "/admin//x", true},
	{"P2_encoded_dot_segment", "/%2e/admin", false},
	{"P3_parameter", "/admin;x=1/a", false},
	{"P3_dotdot_parameter", "/public/..;/admin", false},
	{"P3_session", "/admin;jsessionid=1", false},
	{"P3_encoded_semicolon", "/public/..%3b/admin", false},
	{"P4_nul", "/admin%00", false},
	{"P4_crlf", "/admin%0d%0a", false},
	{"P4_del", "/admin%7f", false},
	{"P4_backslash", "/\\admin", false},
	{"P4_encoded_backslash", "/%5cadmin", false},
	{"P4_overlong", "/%c0%af", false},
	{"P4_broken_encoding", "/a%2", false},
	{"P4_no_hex", "/a%zz", false},
	{"P5_upper", "/ADMIN", true},
	{"P5_encoded_letter", "/%41dmin", true},
	{"P7_encoded_hash", "/public/secret%23/endpoint", false},
	{"P7_raw_hash", "/public#/x", false},
	{"P7_encoded_question_mark", "/public%3f/x", false},
	{"no_leading_slash", "admin", false},
	{"space", "/a%20b", true},
	{"utf8", "/caf%C3%A9", true},
	{"raw_utf8", "/café", true},
	{"percent_sign", "/100%25", true},
	{"dots_in_name", "/a..b/...", true},
	{"file_with_dot", "/.well-known/x.txt", true},
}

func TestCheckPath(t *testing.T) {
	t.Parallel()
	for _, tc := range pathCases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			err := CheckPath(tc.path)
			if (err == nil) != tc.ok {
				t.Fatalf("CheckPath(%q) = %v, want ok %v", tc.path, err, tc.ok)
			}
			if err != nil && !errors.Is(err, ErrDoubtfulPath) {
				t.Errorf("CheckPath(%q) = %v, which is no ErrDoubtfulPath", tc.path, err)
			}
		})
	}
}

// FuzzCheckPath: whatever passes must be read the same way by one who decodes first and cleans then, and
// by one who cleans first; and no second decoding may bring anything new.
func FuzzCheckPath(f *testing.F) {
	for _, tc := range pathCases {
		f.Add(tc.path)
	}
	f.Fuzz(func(t *testing.T, p string) {
		if CheckPath(p) != nil || p == "" || p == "*" {
			return
		}
		plain, err := url.PathUnescape(p)
		if err != nil {
			t.Fatalf("%q passed but cannot be decoded: %v", p, err)
		}
		cleanedFirst, err := url.PathUnescape(path.Clean(p))
		if err != nil {
			t.Fatalf("%q passed but cannot be decoded once cleaned: %v", p, err)
		}
		if got := path.Clean(plain); got != cleanedFirst {
			t.Fatalf("%q is read as %q and as %q", p, got, cleanedFirst)
		}
		if again, err := url.PathUnescape(plain); err == nil && again != plain {
			t.Fatalf("%q decodes to %q and again to %q", p, plain, again)
		}
		if strings.ContainsAny(plain, "\\;\x00\r\n") {
			t.Fatalf("%q passed with a character servers disagree about", p)
		}
		for s := range strings.SplitSeq(plain, "/") {
			if s == ".." {
				t.Fatalf("%q passed with a dot-dot segment", p)
			}
		}
	})
}
