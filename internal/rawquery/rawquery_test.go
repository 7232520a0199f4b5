package rawquery

import "testing"

func TestRemoveAndSet(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, raw, removed, set string }{
		{"empty", "", "", "key=n%26w"},
		{"absent", "a=1&b=%7E", "a=1&b=%7E", "a=1&b=%7E&key=n%26w"},
		{"only", "key=old", "", "key=n%26w"},
		{"order_and_spelling_kept", "b=%7e&key=x&a=+1&a", "b=%7e&a=+1&a", "b=%7e&a=+1&a&key=n%26w"},
		{"twice", "key=1&c&key=2", "c", "c&key=n%26w"},
		{"encoded_name", "k%65y=1&c", "c", "c&key=n%26w"},
		{"no_value", "key&c", "c", "c&key=n%26w"},
		{"behind_semicolon", "c=1;key=2&d", "c=1&d", "c=1&d&key=n%26w"},
		{"other_case_goes_when_set", "Key=1&K%45y=2&c", "Key=1&K%45y=2&c", "c&key=n%26w"},
		{"broken_escape_stays", "%zz=1", "%zz=1", "%zz=1&key=n%26w"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := Remove(tc.raw, "key"); got != tc.removed {
				t.Errorf("Remove(%q) = %q, want %q", tc.raw, got, tc.removed)
			}
			if got := Set(tc.raw, "key", "n&w"); got != tc.set {
				t.Errorf("Set(%q) = %q, want %q", tc.raw, got, tc.set)
			}
		})
	}
}
