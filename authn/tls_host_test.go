package authn_test

import (
	"crypto/tls"
	"testing"

	"github.com/authgate/authgate/authn"
)

func TestSameServer(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, host string
		want       bool
	}{
		{"a.test", "a.test", true}, {"a.test", "A.test:443", true}, {"a.test", "b.test", false}, {"a.test", "a.test.", false}, {"a.test", "", false},
		{"a.test", "127.0.0.1", false}, {"", "127.0.0.1:8443", true}, {"", "[::1]:8443", true}, {"", "[::1]", true}, {"", "a.test", false}, {"", "", false},
	} {
		if got := authn.SameServer(&tls.ConnectionState{ServerName: tc.name}, tc.host); got != tc.want {
			t.Errorf("%q and %q: got %v", tc.name, tc.host, got)
		}
	}
}
