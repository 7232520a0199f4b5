package authn_test

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/authgate/authgate/authn"
	"github.com/authgate/authgate/authn/authntest"
)

// probe fails the test unless Probe fails, and returns how.
func (f *federation) probe(t testing.TB) *authn.DiscoveryError {
	t.Helper()
	err := f.fed.Probe(t.Context())
	var told *authn.DiscoveryError
	if !errors.As(err, &told) {
		t.Fatalf("got %v, want a DiscoveryError", err)
	}
	if errors.Is(err, authn.ErrUnavailable) != told.Unreachable || errors.Is(err, authn.ErrRejected) {
		t.Errorf("error %v with Unreachable %t wraps the wrong outcome", err, told.Unreachable)
	}
	return told
}

// TestProbe has the causes of m2m 3.3, and which of them may pass by themselves.
func TestProbe(t *testing.T) {
	t.Parallel()
	trap := newTrap(t)
	const document = "/.well-known/openid-configuration"
	for _, tt := range []struct {
		name        string
		setup       func(f *federation)
		want        string // the text, where {URL} stands for the issuer; "..." at the end for whatever follows
		unreachable bool
	}{
		{"32_not_found", func(f *federation) { f.SetFault(authntest.Fault{Status: 404, Body: "NoSuchBucket"}) }, "404 Not Found: NoSuchBucket", false},
		{"forbidden", func(f *federation) { f.SetFault(authntest.Fault{Status: 403}) }, "403 Forbidden: ", false},
		{"server_error", func(f *federation) { f.SetFault(authntest.Fault{Status: 502, Body: "oops"}) }, "502 Bad Gateway: oops", true},
		{"too_many_requests", func(f *federation) { f.SetFault(authntest.Fault{Status: 429}) }, "429 Too Many Requests: ", true},
		{"no_content", func(f *federation) { f.SetFault(authntest.Fault{Status: 204}) }, "204 No Content: ", false},
		{"J22_error_page_is_cut", func(f *federation) {
			f.SetFault(authntest.Fault{Status: 404, Body: strings.Repeat("x", 5000)})
		}, "404 Not Found: " + strings.Repeat("x", 200), false},
		{"J22_error_page_is_printable", func(f *federation) {
			f.SetFault(authntest.Fault{Status: 404, Body: "a\r\nb\x1b[31m\u202e\xff" + strings.Repeat("\u00e4", 200)})
		}, "404 Not Found: a  b [31m  " + strings.Repeat("\u00e4", 93), false},
		{"html", func(f *federation) { f.SetFault(authntest.Fault{Body: "<html>"}) }, "oidc: failed to decode provider discovery object: ...", false},
		{"wrong_type", func(f *federation) { f.Discovery("jwks_uri", 5) }, "oidc: failed to decode provider discovery object: ...", false},
		{"K7_other_issuer", func(f *federation) { f.Discovery("issuer", "https://evil.example") },
			`oidc: issuer URL provided to client ("{URL}") did not match the issuer URL returned by provider ("https://evil.example")`, false},
		{"K7_issuer_with_slash", func(f *federation) { f.Discovery("issuer", f.URL+"/") },
			`oidc: issuer URL provided to client ("{URL}") did not match the issuer URL returned by provider ("{URL}/")`, false},
		{"K7_issuer_missing", func(f *federation) { f.Discovery("issuer", nil) },
			`oidc: issuer URL provided to client ("{URL}") did not match the issuer URL returned by provider ("")`, false},
		{"K7_keys_elsewhere", func(f *federation) { f.Discovery("jwks_uri", "https://evil.example/jwks") }, "the document's jwks_uri is at another origin...", false},
		{"K7_keys_of_somebody_elses_host", func(f *federation) { f.Discovery("jwks_uri", "https://www.googleapis.com/oauth2/v3/certs") },
			"the document's jwks_uri is at another origin...", false},
		{"K7_no_keys", func(f *federation) { f.Discovery("jwks_uri", nil) }, "the document has no jwks_uri...", false},
		{"K5_redirect", func(f *federation) { f.SetFault(authntest.Fault{Redirect: trap.URL}) },
			`Get "{URL}` + document + `": answered with a redirect...`, false},
		{"K5_huge", func(f *federation) { f.SetFault(authntest.Fault{Huge: true}) }, "oidc: failed to decode provider discovery object: ...", false},
		{"K5_gzip_bomb", func(f *federation) { f.SetFault(authntest.Fault{GzipBomb: true}) },
			`Get "{URL}` + document + `": answered with a content encoding...`, false},
		{"K5_hang", func(f *federation) { f.SetFault(authntest.Fault{Hang: make(chan struct{})}) },
			`Get "{URL}` + document + `": context deadline exceeded`, true},
		{"K5_drip", func(f *federation) { f.SetFault(authntest.Fault{Drip: true}) }, `Get "{URL}` + document + `": context deadline exceeded`, true},
		{"K5_cut_off", func(f *federation) { f.SetFault(authntest.Fault{Abort: true}) }, `Get "{URL}` + document + `": EOF`, true},
		{"key_set_not_found", func(f *federation) { f.SetFault(authntest.Fault{Status: 404, KeysOnly: true}) }, "fetching keys oidc: 404 Not Found: ", false},
		{"key_set_down", func(f *federation) { f.SetFault(authntest.Fault{Status: 500, KeysOnly: true}) }, "fetching keys oidc: 500 Internal Server Error: ", true},
		{"key_set_cut_off", func(f *federation) { f.SetFault(authntest.Fault{Abort: true, KeysOnly: true}) }, "fetching keys oidc: EOF", true},
		{"key_set_drips", func(f *federation) { f.SetFault(authntest.Fault{Drip: true, KeysOnly: true}) }, "fetching keys oidc: context deadline exceeded", true},
		{"key_set_empty", func(f *federation) { f.SetFault(authntest.Fault{Body: `{"keys":[]}`, KeysOnly: true}) }, "key set: no keys in it", false},
		{"key_set_html", func(f *federation) { f.SetFault(authntest.Fault{Body: `<html>`, KeysOnly: true}) }, "key set: ...", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFederation(t, "ES256")
			if strings.Contains(tt.want, "deadline") {
				f.fed.SetFetchTimeout(200 * time.Millisecond)
			}
			tt.setup(f)
			err := f.probe(t)
			want, open := strings.CutSuffix(strings.ReplaceAll(tt.want, "{URL}", f.URL), "...")
			if err.Unreachable != tt.unreachable || !strings.HasPrefix(err.Text, want) || !open && err.Text != want || len(err.Text) > 1000 {
				t.Errorf("got %t %q\nwant %t %q", err.Unreachable, err.Text, tt.unreachable, want)
			}
			if n := trap.connections.Load(); n != 0 {
				t.Errorf("%d connections to another host", n)
			}
			f.unavailable(t, f.Token(t, nil)) // for a token it is all the same: it cannot be told
			f.SetFault(authntest.Fault{})
			for _, member := range []string{"issuer", "jwks_uri"} {
				f.Discovery(member, map[string]string{"issuer": f.URL, "jwks_uri": f.JWKSURL()}[member])
			}
			f.fed.SetFetchTimeout(5 * time.Second)
			f.ready(t) // whatever the backoff says
			f.pass(t, f.Token(t, nil))
		})
	}
	t.Run("connection_refused", func(t *testing.T) {
		t.Parallel()
		f := newFederation(t, "ES256")
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
		issuer := "https://" + l.Addr().String()
		f.fed = f.with(t, func(c *authn.FederatedConfig) { c.Issuer = issuer + "/" })
		want := fmt.Sprintf(`Get "%s/.well-known/openid-configuration": dial tcp %s: connect: connection refused`, issuer, l.Addr())
		if err := f.probe(t); err.Text != want || !err.Unreachable {
			t.Errorf("got %t %q, want unreachable %q", err.Unreachable, err.Text, want)
		}
	})
	t.Run("custom_CA_is_needed", func(t *testing.T) {
		t.Parallel()
		f := newFederation(t, "ES256")
		f.fed = f.with(t, func(c *authn.FederatedConfig) { c.CAFile = "" })
		if err := f.probe(t); err.Unreachable || !strings.Contains(err.Text, "certificate signed by unknown authority") || f.Discoveries() != 0 {
			t.Errorf("got %t %q and %d discoveries", err.Unreachable, err.Text, f.Discoveries())
		}
	})
	t.Run("http_where_https_is_wanted", func(t *testing.T) {
		t.Parallel()
		idp := authntest.New(t)
		f := newFederation(t, "ES256")
		f.fed = f.with(t, func(c *authn.FederatedConfig) { c.Issuer = strings.Replace(idp.URL, "http:", "https:", 1) })
		if err := f.probe(t); err.Unreachable {
			t.Errorf("got unreachable %q", err.Text)
		}
	})
	t.Run("J22_query_of_JWKSURL_is_not_told", func(t *testing.T) {
		t.Parallel()
		f := newFederation(t, "ES256")
		f.fed = f.with(t, func(c *authn.FederatedConfig) { c.JWKSURL = f.JWKSURL() + "?key=LEAK" })
		f.SetFault(authntest.Fault{Abort: true})
		if err := f.probe(t); strings.Contains(err.Text, "LEAK") {
			t.Errorf("got %q", err.Text)
		}
	})
}
