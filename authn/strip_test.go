package authn

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

func TestStrip(t *testing.T) {
	t.Parallel()
	list := NewStripList("X-Auth-", "X-Api-Key")
	for _, tc := range []struct {
		name    string
		header  string
		trusted bool
		kept    bool
	}{
		{"H1_identity", "X-Auth-Subject", false, false},
		{"H1_below_prefix", "X-Auth-Request-User", false, false},
		{"H1_credential", "X-Api-Key", false, false},
		{"H4_underscore", "X_Api_Key", false, false},
		{"H4_mixed", "X-Api_key", false, false},
		{"H4_dots", "X.Auth.Subject", false, false},
		{"H4_case", "x-API-key", false, false},
		{"H8_proxy_authorization", "Proxy-Authorization", false, false},
		{"H8_proxy_connection", "Proxy-Connection", false, false},
		{"H8_keep_alive", "Keep-Alive", false, false},
		{"H9_original_url", "X-Original-Url", true, false},
		{"H9_rewrite_url", "X-Rewrite-Url", true, false},
		{"H9_forwarded", "Forwarded", false, false},
		{"H9_forwarded_uri", "X-Forwarded-Uri", false, false},
		{"H9_forwarded_prefix_trusted", "X-Forwarded-Prefix", true, true},
		{"H9_forwarded_for_left_to_caddy", "X-Forwarded-For", false, true},
		{"H9_forwarded_for_twin", "X_Forwarded_For", false, false},
		{"H10_xfcc", "X-Forwarded-Client-Cert", true, false},
		{"H10_ssl_client", "X-Ssl-Client-Cn", true, false},
		{"H10_ssl_client_2", "Ssl-Client-Cert", true, false},
		{"H10_client_cert", "X-Client-Cert", true, false},
		{"P12_method_override", "X-Http-Method-Override", true, false},
		{"remote_user", "Remote-User", true, false},
		{"grafana_user", "X-Webauth-User", true, false},
		{"google_user", "X-Goog-Authenticated-User-Email", true, false},
		{"aws_user", "X-Amzn-Oidc-Identity", true, false},
		{"azure_user", "X-Ms-Client-Principal-Name", true, false},
		{"ordinary", "X-Request-Id", false, true},
		{"ordinary_unknown", "X-Tenant", false, true},
		{"cookie", "Cookie", false, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := http.Header{tc.header: {"v"}}
			list.Strip(h, tc.trusted)
			if _, kept := h[tc.header]; kept != tc.kept {
				t.Errorf("%s kept: %v, want %v", tc.header, kept, tc.kept)
			}
		})
	}
}

func TestStripHopByHop(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		in      http.Header
		want    []string // names left, sorted
		connect string
	}{
		{"H6_named_headers_go_now", http.Header{"Connection": {"close, X-A", "x-b"}, "X-A": {"1"}, "X-B": {"1"}, "X-C": {"1"}},
			[]string{"Connection", "X-C"}, "close"},
		{"H8_te", http.Header{"Te": {"trailers"}}, nil, ""},
		{"H18_h2c", http.Header{"Connection": {"Upgrade, HTTP2-Settings"}, "Upgrade": {"h2c"}, "Http2-Settings": {"x"}}, nil, ""},
		{"websocket", http.Header{"Connection": {"keep-alive, Upgrade"}, "Upgrade": {"WebSocket"}},
			[]string{"Connection", "Upgrade"}, "keep-alive, upgrade"},
		{"H18_two_upgrades", http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket", "h2c"}}, nil, ""},
		{"H18_upgrade_list", http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket, h2c"}}, nil, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := &http.Request{Header: tc.in, ProtoMajor: 1}
			StripHopByHop(r)
			var left []string
			for n := range r.Header {
				left = append(left, n)
			}
			slices.Sort(left)
			if !slices.Equal(left, tc.want) || r.Header.Get("Connection") != tc.connect {
				t.Errorf("left %v with Connection %q, want %v with %q", left, r.Header.Get("Connection"), tc.want, tc.connect)
			}
		})
	}
	grpc := &http.Request{Header: http.Header{"Te": {"trailers"}, "Content-Type": {"application/grpc+proto"}}, ProtoMajor: 2}
	if StripHopByHop(grpc); grpc.Header.Get("Te") != "trailers" {
		t.Error("a gRPC call lost its TE: trailers")
	}
}

// H7: the server fills the trailer map when the body ends; managed names must be gone by then too.
func TestGuardTrailers(t *testing.T) {
	t.Parallel()
	list := NewStripList("X-Auth-", "X-Api-Key")
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	r.Trailer = http.Header{"X-Api-Key": nil, "X-Checksum": nil}
	r.Body = io.NopCloser(io.MultiReader(strings.NewReader("body"), readerFunc(func([]byte) (int, error) {
		r.Trailer["X-Api-Key"], r.Trailer["X-Checksum"] = []string{"evil"}, []string{"1"}
		r.Trailer["X_auth_subject"], r.Trailer["Authorization"] = []string{"evil"}, []string{"evil"}
		return 0, io.EOF
	})))
	list.GuardTrailers(r)
	if _, ok := r.Trailer["X-Api-Key"]; ok {
		t.Error("the declaration of a managed trailer stayed")
	}
	if _, err := io.ReadAll(r.Body); err != nil {
		t.Fatal(err)
	}
	if len(r.Trailer) != 1 || r.Trailer.Get("X-Checksum") != "1" {
		t.Errorf("trailers after the body: %v, want X-Checksum only", r.Trailer)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestCheckIdentityPrefix(t *testing.T) {
	t.Parallel()
	for prefix, ok := range map[string]bool{
		"X-Auth-": true, "X-User-": true, "Acme-": true, "X-": false, "": false, "Content-": false, "x_forwarded_": false, "A B": false, "H": false,
	} {
		if err := CheckIdentityPrefix(prefix); (err == nil) != ok {
			t.Errorf("CheckIdentityPrefix(%q) = %v, want ok %v", prefix, err, ok)
		}
	}
}

// FuzzStrip: no spelling that folds to a managed name survives, and no other header is lost.
func FuzzStrip(f *testing.F) {
	for _, n := range []string{"X-Api-Key", "x_api_key", "X.Auth.Subject", "X-Tenant", "Forwarded", "X-Forwarded_For", ""} {
		f.Add(n)
	}
	list := NewStripList("X-Auth-", "X-Api-Key")
	f.Fuzz(func(t *testing.T, name string) {
		folded := strings.NewReplacer("_", "-", ".", "-").Replace(name)
		h := http.Header{name: {"v"}, "X-Tenant": {"v"}}
		list.Strip(h, false)
		if _, kept := h[name]; kept {
			for _, managed := range []string{"X-Api-Key", "Forwarded", "X-Original-Url"} {
				if asciiEqualFold(folded, managed) {
					t.Fatalf("%q survived", name)
				}
			}
			if len(folded) >= 7 && asciiEqualFold(folded[:7], "X-Auth-") {
				t.Fatalf("%q survived", name)
			}
		}
		if h.Get("X-Tenant") != "v" {
			t.Fatal("an ordinary header was lost")
		}
	})
}

// asciiEqualFold is strings.EqualFold without Unicode's foldings, which header names do not know.
func asciiEqualFold(a, b string) bool {
	lower := func(s string) string {
		return strings.Map(func(r rune) rune {
			if 'A' <= r && r <= 'Z' {
				return r + 'a' - 'A'
			}
			return r
		}, s)
	}
	return lower(a) == lower(b)
}
