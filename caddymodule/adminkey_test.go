package caddymodule

import (
	"net/url"
	"testing"

	"github.com/authgate/authgate/internal/secret"
)

func TestManagementKeyWithout(t *testing.T) {
	t.Parallel()
	key := managementKey{secret.New("an-admin+key;7")}
	for _, tc := range []struct{ name, raw, want string }{
		{"no_key", "a=1&b=%7E;c", "a=1&b=%7E;c"},
		{"only", "key=an-admin%2Bkey%3B7", ""},
		{"other_value_stays", "key=other&key=&key", "key=other&key=&key"},
		{"every_occurrence", "key=an-admin+key;7&a=+1&key=an-admin%2bkey%3b7&key=x&key=an-admin%2Bkey;7", "a=+1&key=x"},
		{"encoded_letters", "a&k%65y=%61n-admin%2Bkey%3B7&b", "a&b"},
		{"plus_read_literally", "key=an-admin+key%3B7", ""},
		{"behind_semicolon", "a=1;key=an-admin%2Bkey%3B7;b", "a=1;b"},
		{"longer_and_shorter_stay", "key=an-admin%2Bkey%3B77&key=an-admin%2Bkey", "key=an-admin%2Bkey%3B77&key=an-admin%2Bkey"},
		{"other_name_stays", "apikey=an-admin%2Bkey%3B7&Key=an-admin%2Bkey%3B7", "apikey=an-admin%2Bkey%3B7&Key=an-admin%2Bkey%3B7"},
		{"broken_escape", "key=%zz&key=an-admin%2Bkey%3B7", "key=%zz"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := key.without(tc.raw, "key"); got != tc.want {
				t.Errorf("without(%q) = %q, want %q", tc.raw, got, tc.want)
			}
			if got := (managementKey{}).without(tc.raw, "key"); got != tc.raw {
				t.Errorf("without a key configured %q became %q", tc.raw, got)
			}
		})
	}
}

// TestCleanQueryAllocates holds the hot path to nothing: most requests have a query and no key in it.
func TestCleanQueryAllocates(t *testing.T) {
	g := &gate{adminKey: managementKey{secret.New("an-admin-key-of-the-tests")}}
	u := &url.URL{Path: "/a", RawQuery: "from=1&to=2&keyed=3"}
	if n := testing.AllocsPerRun(100, func() { g.cleanQuery(u) }); n != 0 {
		t.Errorf("%v allocations for a query without the key, want none", n)
	}
}
