package authn_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/authgate/authgate/authn"
	"github.com/authgate/authgate/authn/authntest"
)

const badSignature = "failed to verify signature: failed to verify id token signature"

// TestFederatedVerify has the rows of m2m 3.2, and the cases of its section 7 by their numbers.
func TestFederatedVerify(t *testing.T) {
	t.Parallel()
	f := newFederation(t, "RS256", audiences("my-client-id"))
	f.ready(t)
	open := &federation{IdP: f.IdP, fed: f.with(t)}
	open.ready(t)
	several := &federation{IdP: f.IdP, fed: f.with(t, audiences("a", "b"))}
	several.ready(t)
	fetches := f.Fetches()
	now := f.Clock.Now()
	at := func(d time.Duration) int64 { return now.Add(d).Unix() }
	elliptic := authntest.NewKey(t, "ES256", "key-1")
	for _, tt := range []struct {
		name   string
		in     *federation
		claims map[string]any
		opts   []authntest.TokenOption
		want   string // empty: accepted
	}{
		{"46_audience_text", f, map[string]any{"aud": "my-client-id"}, nil, ""},
		{"47_audience_in_list", f, map[string]any{"aud": []string{"x", "my-client-id"}}, nil, ""},
		{"48_audience_other", f, map[string]any{"aud": "other"}, nil, `oidc: expected audience "my-client-id" got ["other"]`},
		{"49_audience_other_list", f, map[string]any{"aud": []string{"p", "q"}}, nil, `oidc: expected audience "my-client-id" got ["p" "q"]`},
		{"50_any_audience", open, map[string]any{"aud": "whatever"}, nil, ""},
		{"50_any_audience_none", open, map[string]any{"aud": nil}, nil, ""},
		{"50_any_audience_empty", open, map[string]any{"aud": []string{}}, nil, ""},
		{"51_audience_absent", f, map[string]any{"aud": nil}, nil, `oidc: expected audience "my-client-id" got []`},
		{"J9_audience_empty_list", f, map[string]any{"aud": []string{}}, nil, `oidc: expected audience "my-client-id" got []`},
		{"J9_audience_empty_text", f, map[string]any{"aud": ""}, nil, `oidc: expected audience "my-client-id" got [""]`},
		{"J9_second_of_ours", several, map[string]any{"aud": "b"}, nil, ""},
		{"J9_none_of_ours", several, map[string]any{"aud": "c"}, nil, `oidc: expected audience ["a" "b"] got ["c"]`},
		{"60_expired", open, map[string]any{"exp": at(-time.Second)}, nil,
			fmt.Sprintf("oidc: token is expired (Token Expiry: %v)", now.Add(-time.Second))},
		{"60_no_leeway", open, map[string]any{"exp": at(0)}, nil, fmt.Sprintf("oidc: token is expired (Token Expiry: %v)", now)},
		{"60_not_expired", open, map[string]any{"exp": at(time.Second)}, nil, ""},
		{"61_no_exp", open, map[string]any{"exp": nil}, nil, "oidc: token is expired (Token Expiry: 0001-01-01 00:00:00 +0000 UTC)"},
		{"exp_numeric_text", open, map[string]any{"exp": itoa(at(time.Minute))}, nil, ""},
		{"exp_numeric_text_past", open, map[string]any{"exp": itoa(at(-time.Minute))}, nil,
			fmt.Sprintf("oidc: token is expired (Token Expiry: %v)", now.Add(-time.Minute))},
		{"62_nbf_in_4_minutes", open, map[string]any{"nbf": at(4 * time.Minute)}, nil, ""},
		{"62_nbf_in_5_minutes", open, map[string]any{"nbf": at(5 * time.Minute)}, nil, ""},
		{"62_nbf_in_6_minutes", open, map[string]any{"nbf": at(6 * time.Minute)}, nil,
			fmt.Sprintf("oidc: current time %v before the nbf (not before) time: %v", now, now.Add(6*time.Minute))},
		{"63_iat_in_an_hour", open, map[string]any{"iat": at(time.Hour)}, nil, ""},
		{"iat_sub_and_aud_absent", open, map[string]any{"iat": nil, "sub": nil, "aud": nil}, nil, ""},
		{"J13_id_token_of_a_login", open, map[string]any{"nonce": "n"}, nil, ""},
		{"J13_access_token", open, nil, []authntest.TokenOption{authntest.Header("typ", "at+jwt")}, ""},
		{"typ_absent", open, nil, []authntest.TokenOption{authntest.Header("typ", nil)}, ""},
		{"64_J1_none", open, nil, []authntest.TokenOption{authntest.Header("alg", "none"), authntest.Signature("")},
			`oidc: malformed jwt: unexpected signature algorithm "none"; expected ["RS256"]`},
		{"64_J2_HS256", open, nil, []authntest.TokenOption{authntest.SignedBy(authntest.HMACKey([]byte("x"), "key-1"))},
			`oidc: malformed jwt: unexpected signature algorithm "HS256"; expected ["RS256"]`},
		{"64_J3_RS512_not_listed", open, nil, []authntest.TokenOption{authntest.Header("alg", "RS512")},
			`oidc: malformed jwt: unexpected signature algorithm "RS512"; expected ["RS256"]`},
		{"64_J3_ES256_not_listed", open, nil, []authntest.TokenOption{authntest.SignedBy(elliptic)},
			`oidc: malformed jwt: unexpected signature algorithm "ES256"; expected ["RS256"]`},
		{"66_J10_trailing_slash", open, map[string]any{"iss": f.URL + "/"}, nil,
			fmt.Sprintf("oidc: id token issued by a different provider, expected %q got %q", f.URL, f.URL+"/")},
		{"no_kid", open, nil, []authntest.TokenOption{authntest.Header("kid", nil)}, ""},
		{"bad_signature", open, nil, []authntest.TokenOption{authntest.SignedBy(authntest.NewKey(t, "RS256", "key-1"))}, badSignature},
		// The order: each of these has all the faults that come later, too.
		{"order_1_algorithm", f, map[string]any{"iss": "https://other.example", "aud": "other", "exp": 1, "nbf": at(time.Hour)},
			[]authntest.TokenOption{authntest.SignedBy(elliptic)}, `oidc: malformed jwt: unexpected signature algorithm "ES256"; expected ["RS256"]`},
		{"order_2_issuer", f, map[string]any{"iss": "https://other.example", "aud": "other", "exp": 1, "nbf": at(time.Hour)},
			[]authntest.TokenOption{authntest.Header("kid", "?")},
			fmt.Sprintf("oidc: id token issued by a different provider, expected %q got %q", f.URL, "https://other.example")},
		{"order_3_audience", f, map[string]any{"aud": "other", "exp": 1, "nbf": at(time.Hour)},
			[]authntest.TokenOption{authntest.Header("kid", "?")}, `oidc: expected audience "my-client-id" got ["other"]`},
		{"order_4_expiry", open, map[string]any{"exp": 1, "nbf": at(time.Hour)}, []authntest.TokenOption{authntest.Header("kid", "?")},
			"oidc: token is expired (Token Expiry: 1970-01-01 00:00:01 +0000 UTC)"},
		{"order_5_nbf", open, map[string]any{"nbf": at(time.Hour)}, []authntest.TokenOption{authntest.Header("kid", "?")},
			fmt.Sprintf("oidc: current time %v before the nbf (not before) time: %v", now, now.Add(time.Hour))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			token := f.Token(t, tt.claims, tt.opts...)
			if tt.want == "" {
				tt.in.pass(t, token)
			} else if got := tt.in.refuse(t, token); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
	f.wantFetches(t, fetches) // none of them cost one
	t.Run("65_K3_unknown_kid", func(t *testing.T) {
		for range 20 {
			if got := open.refuse(t, open.Token(t, nil, authntest.Header("kid", "unknown"))); got != badSignature {
				t.Errorf("got %q, want %q", got, badSignature)
			}
		}
		f.wantFetches(t, fetches+1)
	})
}

// TestFederatedToken checks what a verified token becomes.
func TestFederatedToken(t *testing.T) {
	t.Parallel()
	f := newFederation(t, "ES256")
	exp := f.Clock.Now().Add(time.Hour)
	payload := `{"iss":"` + f.URL + `","sub":"repo:a/b","aud":["x","y"],"jti":"id-1","exp":"` + itoa(exp.Unix()) +
		`","n":1.50,"deep":{"a":[1,"b"]}}`
	got := f.pass(t, f.Token(t, nil, authntest.RawPayload(" "+payload+"\n")))
	want := &authn.IDToken{Issuer: f.URL, Subject: "repo:a/b", Audience: []string{"x", "y"}, Expiry: exp.UTC(), ID: "id-1", Payload: []byte(payload)}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	got = f.pass(t, f.Token(t, map[string]any{"sub": nil, "aud": nil}))
	if got.Subject != "" || got.Audience != nil || got.ID != "" || !json.Valid(got.Payload) {
		t.Errorf("got %+v, want no subject, audience and id", got)
	}
}

// TestFederatedAlgorithms: what discovery lists is accepted, as far as it is supported.
func TestFederatedAlgorithms(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		alg  string
		list any
		want string // empty: accepted
	}{
		{"64_RS256", "RS256", []string{"RS256"}, ""},
		{"64_PS384", "PS384", []string{"RS256", "PS384"}, ""},
		{"64_RS512", "RS512", []string{"RS512"}, ""},
		{"64_ES256", "ES256", []string{"RS256", "ES256"}, ""},
		{"64_ES512", "ES512", []string{"ES512"}, ""},
		{"64_EdDSA", "EdDSA", []string{"EdDSA"}, ""},
		{"64_list_absent", "RS256", nil, ""},
		{"64_list_absent_means_RS256", "ES256", nil, `oidc: malformed jwt: unexpected signature algorithm "ES256"; expected ["RS256"]`},
		{"64_list_empty_means_RS256", "RS512", []string{}, `oidc: malformed jwt: unexpected signature algorithm "RS512"; expected ["RS256"]`},
		{"J2_only_symmetric_listed", "ES256", []string{"HS256", "none"}, `oidc: malformed jwt: unexpected signature algorithm "ES256"; expected ["RS256"]`},
		{"64_in_the_order_of_the_list", "ES256", []string{"HS256", "RS512", "none", "RS256", "RS512"},
			`oidc: malformed jwt: unexpected signature algorithm "ES256"; expected ["RS512" "RS256"]`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFederation(t, tt.alg)
			f.Discovery("id_token_signing_alg_values_supported", tt.list)
			// Once with the list learnt on the way, and once with it at hand.
			for range 2 {
				if tt.want == "" {
					f.pass(t, f.Token(t, nil))
				} else if got := f.refuse(t, f.Token(t, nil)); got != tt.want {
					t.Errorf("got  %s\nwant %s", got, tt.want)
				}
			}
		})
	}
	for _, secret := range []string{"none", "HS256"} {
		t.Run("J2_listed_"+secret, func(t *testing.T) {
			t.Parallel()
			f := newFederation(t, "RS256")
			f.Discovery("id_token_signing_alg_values_supported", []string{secret, "RS256"})
			k := authntest.HMACKey([]byte("a secret everybody can read here"), "oct")
			k.Alg = strings.Replace(secret, "none", "HS256", 1)
			f.Publish(k)
			token := f.Token(t, nil, authntest.SignedBy(k), authntest.Header("alg", secret))
			f.refuse(t, token) // before anything is known of the issuer, and without a call
			if f.Discoveries() != 0 {
				t.Error("the issuer was called for it")
			}
			f.pass(t, f.Token(t, nil))
			f.refuse(t, token)
		})
	}
	t.Run("a_change_of_the_list_is_noticed", func(t *testing.T) {
		t.Parallel()
		f := newFederation(t, "RS256")
		f.pass(t, f.Token(t, nil))
		k := authntest.NewKey(t, "ES256", "new")
		f.Publish(k)
		f.Discovery("id_token_signing_alg_values_supported", []string{"RS256", "ES256"})
		f.refuse(t, f.Token(t, nil, authntest.SignedBy(k)))
		f.Clock.Advance(refreshAfter)
		f.pass(t, f.Token(t, nil)) // starts the scheduled refresh
		eventually(t, "the scheduled refresh", func() bool { return f.fed.Status().Fetches == 2 })
		f.pass(t, f.Token(t, nil, authntest.SignedBy(k)))
	})
	t.Run("without_discovery_the_key_decides", func(t *testing.T) {
		t.Parallel()
		f := newFederation(t, "ES384")
		f.fed = f.with(t, func(c *authn.FederatedConfig) { c.JWKSURL = f.JWKSURL() + "?v=1" })
		f.pass(t, f.Token(t, nil))
		f.refuse(t, f.Token(t, nil, authntest.Header("alg", "ES256")))
		if f.Discoveries() != 0 {
			t.Error("discovery was asked although JWKSURL is set")
		}
	})
}
