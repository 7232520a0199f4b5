package authn_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/authgate/authgate/authn"
	"github.com/authgate/authgate/authn/authntest"
)

// TestAccept holds the forms a good token may have, so that no defence refuses everything.
func TestAccept(t *testing.T) {
	t.Parallel()
	type opts = []authntest.TokenOption
	at := func(clock *authntest.Clock, d time.Duration) int64 { return clock.Now().Add(d).Unix() }
	for _, tt := range []struct {
		name   string
		config func(*authn.IssuerConfig)
		claims func(c *authntest.Clock) map[string]any
		opts   opts
		want   error // nil: accepted
	}{
		{name: "plain"},
		{name: "typ_absent", opts: opts{authntest.Header("typ", nil)}},
		{name: "typ_jwt_lowercase", opts: opts{authntest.Header("typ", "jwt")}},
		{name: "typ_at_jwt", opts: opts{authntest.Header("typ", "at+jwt")}},
		{name: "typ_application_at_jwt", opts: opts{authntest.Header("typ", "application/at+jwt")}},
		{name: "unknown_header_member", opts: opts{authntest.Header("x-note", map[string]any{"a": 1})}},
		{name: "J13_access_wanted_JWT_given", config: tokenUse("access"), want: authn.ErrRejected},
		{name: "J13_access_wanted_no_typ_given", config: tokenUse("access"), opts: opts{authntest.Header("typ", nil)}, want: authn.ErrRejected},
		{name: "J13_access_wanted_and_given", config: tokenUse("access"), opts: opts{authntest.Header("typ", "at+jwt")}},
		{name: "J13_id_wanted_and_given", config: tokenUse("id"), claims: claims("nonce", "n")},
		{name: "J13_id_wanted_access_given", config: tokenUse("id"), opts: opts{authntest.Header("typ", "at+jwt")}, want: authn.ErrRejected},
		{name: "J13_nonce_where_access_wanted", config: tokenUse("access"), opts: opts{authntest.Header("typ", "at+jwt")}, claims: claims("nonce", "n"), want: authn.ErrRejected},
		{name: "J7_exp_fraction", claims: func(c *authntest.Clock) map[string]any { return map[string]any{"exp": float64(at(c, time.Hour)) + 0.5} }},
		{name: "J7_exp_within_leeway", claims: func(c *authntest.Clock) map[string]any {
			return map[string]any{"exp": at(c, time.Second-authn.DefaultLeeway)}
		}},
		{name: "J8_nbf_within_leeway", claims: func(c *authntest.Clock) map[string]any { return map[string]any{"nbf": at(c, authn.DefaultLeeway)} }},
		{name: "J8_iat_within_leeway", claims: func(c *authntest.Clock) map[string]any { return map[string]any{"iat": at(c, authn.DefaultLeeway)} }},
		{name: "J8_iat_missing", claims: claims("iat", nil)},
		{name: "leeway_negative_is_none", config: func(c *authn.IssuerConfig) { c.Leeway = -1 },
			claims: func(c *authntest.Clock) map[string]any { return map[string]any{"exp": at(c, 0)} }, want: authn.ErrRejected},
		{name: "J9_aud_list_of_one", claims: claims("aud", []string{authntest.Audience})},
		{name: "J9_second_audience", config: func(c *authn.IssuerConfig) { c.Audiences = append(c.Audiences, "b") }, claims: claims("aud", "b")},
		{name: "J9_any_audience", config: anyAudience, claims: claims("aud", "whoever")},
		{name: "J9_any_audience_none", config: anyAudience, claims: claims("aud", nil)},
		{name: "J9_any_audience_malformed", config: anyAudience, claims: claims("aud", []any{1}), want: authn.ErrRejected},
		{name: "J9_one_of_the_list", claims: claims("aud", []string{"app", authntest.Audience})},
		{name: "J14_azp_is_an_audience", claims: claims("aud", []string{authntest.Audience, "app"}, "azp", authntest.Audience)},
		{name: "J14_azp_is_authorized", config: func(c *authn.IssuerConfig) { c.AuthorizedParties = []string{"cli"} },
			claims: claims("aud", []string{authntest.Audience, "app"}, "azp", "cli")},
		{name: "J14_no_azp_and_all_are_ours", config: func(c *authn.IssuerConfig) { c.Audiences = append(c.Audiences, "app") },
			claims: claims("aud", []string{authntest.Audience, "app"})},
		{name: "J14_azp_evil_though_all_are_ours", config: func(c *authn.IssuerConfig) { c.Audiences = append(c.Audiences, "app") },
			claims: claims("aud", []string{authntest.Audience, "app"}, "azp", "evil"), want: authn.ErrRejected},
		{name: "J14_azp_of_another_with_one_audience", claims: claims("azp", "some-client")},
		{name: "J14_any_audience_but_parties", config: func(c *authn.IssuerConfig) { anyAudience(c); c.AuthorizedParties = []string{"cli"} },
			claims: claims("aud", []string{"x", "y"}, "azp", "evil"), want: authn.ErrRejected},
		{name: "unicode_subject", claims: claims("sub", "Jürgen Ünlü 名前")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			idp := authntest.New(t, authntest.WithAlg("EdDSA"))
			var changes []func(*authn.IssuerConfig)
			if tt.config != nil {
				changes = append(changes, tt.config)
			}
			s := newIssuers(t, newIssuer(t, idp, changes...))
			var c map[string]any
			if tt.claims != nil {
				c = tt.claims(idp.Clock)
			}
			token := idp.Token(t, c, tt.opts...)
			if tt.want != nil {
				mustFail(t, s, token, tt.want)
				return
			}
			mustPass(t, s, token)
		})
	}
}

func tokenUse(use string) func(*authn.IssuerConfig) {
	return func(c *authn.IssuerConfig) { c.TokenUse = use }
}

func anyAudience(c *authn.IssuerConfig) { c.InsecureAnyAudience, c.Audiences = true, nil }

// claims returns pairs as a map.
func claims(pairs ...any) func(*authntest.Clock) map[string]any {
	return func(*authntest.Clock) map[string]any {
		m := map[string]any{}
		for n := 0; n < len(pairs); n += 2 {
			m[pairs[n].(string)] = pairs[n+1]
		}
		return m
	}
}

// TestPrincipal checks what a token becomes.
func TestPrincipal(t *testing.T) {
	t.Parallel()
	idp := authntest.New(t, authntest.WithAlg("EdDSA"))
	s := newIssuers(t, newIssuer(t, idp))
	exp := idp.Clock.Now().Add(time.Hour)
	token := idp.Token(t, nil, authntest.RawPayload(`{"iss":"`+idp.URL+`","aud":["`+authntest.Audience+`"],"sub":"project:1","jti":"id-1","exp":`+
		itoa(exp.Unix())+`, "roles":["Deployer","Reader",{"x":1},null,["y"]], "scope":"user:info  user:list",
		"n":1.50e3,"big":12345678901234567890,"ok":true,"no":false,"nil":null,"empty":[],"esc":"a\"b\u00e9\n",
		"kubernetes.io":{"namespace":"ns","pod":{"name":"p-0"},"list":[1,true,"x"]}}`))
	for _, pass := range []string{"cold", "cached"} {
		t.Run(pass, func(t *testing.T) {
			p := mustPass(t, s, token)
			for _, c := range []struct{ what, got, want string }{
				{"ID", p.ID, "project:1"}, {"Kind", p.Kind, authn.KindIssuer}, {"Issuer", p.Issuer, idp.URL},
				{"Method", p.Method, authn.MethodJWT}, {"TokenID", p.TokenID, "id-1"},
				{"Roles", strings.Join(p.Roles, "|"), "Deployer|Reader"}, {"Scopes", strings.Join(p.Scopes, "|"), "user:info|user:list"},
				{"NotAfter", p.NotAfter.String(), exp.Add(authn.DefaultLeeway).UTC().String()},
				{"aud", p.Attrs.First("aud"), authntest.Audience}, {"n", p.Attrs.First("n"), "1.50e3"},
				{"big", p.Attrs.First("big"), "12345678901234567890"}, {"ok", p.Attrs.First("ok"), "true"},
				{"no", p.Attrs.First("no"), "false"}, {"esc", p.Attrs.First("esc"), "a\"bé\n"},
				{"exp", p.Attrs.First("exp"), itoa(exp.Unix())},
				{"nested", p.Attrs.First("kubernetes.io.pod.name"), "p-0"},
				{"nested list", strings.Join(p.Attrs.Get("kubernetes.io.list"), "|"), "1|true|x"},
			} {
				if c.got != c.want {
					t.Errorf("%s: got %q, want %q", c.what, c.got, c.want)
				}
			}
			if names := p.Attrs.Names(); slices.Contains(names, "nil") || slices.Contains(names, "kubernetes.io") {
				t.Errorf("got names %q, want neither null nor objects among them", names)
			}
		})
	}
}

// TestRolesAndScopes covers the claims they are taken from.
func TestRolesAndScopes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name          string
		rolesClaim    string
		claims        map[string]any
		roles, scopes string
	}{
		{name: "none"},
		{name: "one_role_as_text", claims: map[string]any{"roles": "a b"}, roles: "a b"},
		{name: "nested_roles", rolesClaim: "realm_access.roles", claims: map[string]any{"realm_access": map[string]any{"roles": []string{"x", "y"}}, "roles": "z"}, roles: "x|y"},
		{name: "namespaced_roles", rolesClaim: "https://example.com/roles", claims: map[string]any{"https://example.com/roles": []string{"x"}}, roles: "x"},
		{name: "scp_list", claims: map[string]any{"scp": []string{"a", "b"}}, scopes: "a|b"},
		{name: "scp_text", claims: map[string]any{"scp": "a b"}, scopes: "a|b"},
		{name: "scope_before_scp", claims: map[string]any{"scope": "a", "scp": "b"}, scopes: "a"},
		{name: "scope_empty", claims: map[string]any{"scope": ""}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			idp := authntest.New(t, authntest.WithAlg("EdDSA"))
			s := newIssuers(t, newIssuer(t, idp, func(c *authn.IssuerConfig) { c.RolesClaim = tt.rolesClaim }))
			p := mustPass(t, s, idp.Token(t, tt.claims))
			if got := strings.Join(p.Roles, "|"); got != tt.roles {
				t.Errorf("got roles %q, want %q", got, tt.roles)
			}
			if got := strings.Join(p.Scopes, "|"); got != tt.scopes {
				t.Errorf("got scopes %q, want %q", got, tt.scopes)
			}
		})
	}
}

// TestEmail: an address nobody verified must match no rule, and one that is verified matches byte for
// byte only (specs J16).
func TestEmail(t *testing.T) {
	t.Parallel()
	idp := authntest.New(t, authntest.WithAlg("EdDSA"))
	s := newIssuers(t, newIssuer(t, idp))
	rule := authn.Requirement{Claim: "email", Values: []string{"admin@corp.com"}}
	for _, tt := range []struct {
		name     string
		email    any
		verified any
		met      bool
	}{
		{"J16_verified", "admin@corp.com", true, true},
		{"J16_verified_as_text", "admin@corp.com", "true", true},
		{"J16_not_verified", "admin@corp.com", false, false},
		{"J16_not_verified_as_text", "admin@corp.com", "false", false},
		{"J16_verified_1", "admin@corp.com", 1, false},
		{"J16_verified_True", "admin@corp.com", "True", false},
		{"J16_verified_list", "admin@corp.com", []bool{true}, false},
		{"J16_unsaid", "admin@corp.com", nil, false},
		{"J16_prefixed", "attacker@evil.com@corp.com", true, false},
		{"J16_suffixed", "admin@corp.com.evil", true, false},
		{"J16_upper_case", "Admin@Corp.com", true, false},
		{"J16_nfkc_variant", "ａdmin@corp.com", true, false},
		{"J16_trailing_space", "admin@corp.com ", true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := mustPass(t, s, idp.Token(t, map[string]any{"email": tt.email, "email_verified": tt.verified}))
			if got := rule.Met(p); got != tt.met {
				t.Errorf("Met: got %t, want %t", got, tt.met)
			}
		})
	}
}
