package store

import (
	"strings"
	"testing"
)

func TestEscape(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ text, want string }{
		{"", "%"},
		{"plain-Text_1.2~x", "plain-Text_1.2~x"},
		{"api.internal:9000", "api.internal:9000"},
		{"a@b.c+d=e,f", "a@b.c+d=e,f"},
		{"sha256~abc", "sha256~abc"},
		{"a/b", "a%2Fb"},
		{".", "%2E"},
		{"..", "%2E."},
		{"../../etc", "%2E.%2F..%2Fetc"},
		{"%", "%25"},
		{"%2F", "%252F"},
		{"a b\x00\n", "a%20b%00%0A"},
		{"ä", "%C3%A4"},
		{"https://idp.example/x?y#z", "https:%2F%2Fidp.example%2Fx%3Fy%23z"},
	} {
		if got := escape(tt.text); got != tt.want {
			t.Errorf("escape(%q) = %q, want %q", tt.text, got, tt.want)
		}
		if got, err := unescape(tt.want); err != nil || got != tt.text {
			t.Errorf("unescape(%q) = %q, %v; want %q", tt.want, got, err, tt.text)
		}
	}
	for _, segment := range []string{"", "a b", "/", ".", "..", ".a", "%2", "%2f", "%41", "%zz", "a%", "%%", "ä", "%2E%2E"} {
		if text, err := unescape(segment); err == nil {
			t.Errorf("unescape(%q) = %q, want it refused", segment, text)
		}
	}
}

// Every text has exactly one segment and every segment at most one text (C3), and no segment can leave its
// place in a key (A5).
func FuzzEscape(f *testing.F) {
	for _, seed := range []string{"", "a", "..", "a/b", "%", "%2F", "\x00", "ä", "%C3%A4", "a%", strings.Repeat("/", 10)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		segment := escape(s)
		if err := checkKey("n/r/" + segment); err != nil && len(segment) < maxKey/2 {
			t.Errorf("escape(%q) = %q makes a malformed key", s, segment)
		}
		if strings.Contains(segment, "/") {
			t.Errorf("escape(%q) = %q is more than a segment", s, segment)
		}
		if back, err := unescape(segment); err != nil || back != s {
			t.Errorf("unescape(escape(%q)) = %q, %v", s, back, err)
		}
		if text, err := unescape(s); err == nil && escape(text) != s {
			t.Errorf("escape(unescape(%q)) = %q", s, escape(text))
		}
	})
}

// FuzzParseKey: whatever is stored below a collection, an event for it is understood as exactly the key
// the collection itself would use, or ignored.
func FuzzParseKey(f *testing.F) {
	for _, seed := range []string{"n/r/a", "n/u/i/v", "n/l/i/v/a", "n/r/", "n/r/a/b", "n/u/i", "n/x/a", "m/r/a", "n/r/%2f", "n/l/i/%/%"} {
		f.Add(seed)
	}
	m := NewMemory()
	c := NewCollection(m, NewFeed(m, FeedConfig{}), Schema[string]{
		Name:   "n",
		Encode: func(s string) ([]byte, error) { return []byte(s), nil },
		Decode: func(_ string, data []byte) (string, error) { return string(data), nil },
	})
	f.Fuzz(func(t *testing.T, key string) {
		k, ok := c.parseKey(key)
		if !ok {
			return
		}
		for _, back := range []string{
			c.recordKey(k.text), c.root + uniqueEntry(k.index, k.text), c.root + lookupPrefix(k.index, k.text),
		} {
			if back == key || strings.HasSuffix(back, "/") && strings.HasPrefix(key, back) {
				return
			}
		}
		t.Errorf("%q is understood as %q, which is stored elsewhere", key, k)
	})
}
