package m2m_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/m2m"
	"github.com/authgate/authgate/roles"
)

// TestValidation has the table of specs/m2m 2.9 with its texts, for both ways to write, and what authgate
// refuses beyond it. Cases of section 7 are named by their numbers.
func TestValidation(t *testing.T) {
	t.Parallel()
	const (
		duration = "invalid arguments: invalid token expiration duration provided: "
		between  = duration + "token expiration must be between 1 minute and 24 hours, but was "
		iss      = "invalid arguments: invalid token issuer provided: "
		regex    = `invalid regular expression provided for key "sub": `
	)
	lasts := func(d string) func(*m2m.Config) {
		return func(c *m2m.Config) { c.TokenExpirationDuration = d }
	}
	typed := func(typ, iss string) func(*m2m.Config) {
		return func(c *m2m.Config) { c.Type, c.Issuer = typ, iss }
	}
	expressions := func(list ...string) func(*m2m.Config) {
		return func(c *m2m.Config) {
			c.Mappings = nil
			for _, e := range list {
				c.Mappings = append(c.Mappings, m2m.Mapping{Key: "sub", ValueExpression: e, Role: roles.Analyst})
			}
		}
	}
	for _, tt := range []struct {
		name   string
		change func(*m2m.Config)
		want   string
	}{
		{"row3_case3_no_unit", lasts("5"), duration + `time: missing unit in duration "5"`},
		{"row3_case4_missing", lasts(""), duration + `time: invalid duration ""`},
		{"row3_days", lasts("1d"), duration + `time: unknown unit "d" in duration "1d"`},
		{"row3_space", lasts("1h 5m"), duration + `time: unknown unit "h " in duration "1h 5m"`},
		{"row3_capital", lasts("1H"), duration + `time: unknown unit "H" in duration "1H"`},
		{"row4_case5_short", lasts("1s"), between + "1s"},
		{"row4_case6_long", lasts("24h1s"), between + "24h0m1s"},
		{"row4_case7_longer", lasts("40h12m"), between + "40h12m0s"},
		{"row4_zero", lasts("0"), between + "0s"},
		{"row4_negative", lasts("-5m"), between + "-5m0s"},
		{"row4_almost", lasts("59s"), between + "59s"},
		{"row4_nanosecond", lasts("24h1ns"), between + "24h0m0.000000001s"},
		{"row5_case8", of(""), iss + "type GENERIC was used, but no configuration for the issuer was given"},
		{"row5_type_empty", typed("", ""), iss + "type GENERIC was used, but no configuration for the issuer was given"},
		{"row6_case11", typed(m2m.TypeGitHubActions, "https://stackrox.io"), iss +
			`type GITHUB_ACTIONS was used, but an issuer other than https://token.actions.githubusercontent.com was used: "https://stackrox.io"`},
		{"row6_slash", typed(m2m.TypeGitHubActions, m2m.GitHubIssuer+"/"), iss +
			`type GITHUB_ACTIONS was used, but an issuer other than https://token.actions.githubusercontent.com was used: "https://token.actions.githubusercontent.com/"`},
		{"row7_case9", of("https://something-invalid/%+o"), iss + `parse "https://something-invalid/%+o": invalid URL escape "%+o"`},
		{"row8_case10", of("http://stackrox.io"), iss + "HTTPS is required for the issuer"},
		{"row8_kubernetes_legacy", typed(m2m.TypeKubeServiceAccount, "kubernetes/serviceaccount"), iss + "HTTPS is required for the issuer"},
		{"row8_loopback", of("http://127.0.0.1:8080"), iss + "HTTPS is required for the issuer"},
		{"row9_case16", expressions(""), "invalid arguments: " + regex + "empty regex given"},
		{"row9_exact", mapping(m2m.Mapping{Key: "sub", Role: roles.Analyst, MatchType: m2m.MatchExact}), "invalid arguments: " + regex + "empty regex given"},
		{"row10_case15", expressions("a(b"), "invalid arguments: " + regex + "error parsing regexp: missing closing ): `a(b`"},
		{"row10_several", expressions("a(b", "fine", "", "(?=x)"), "invalid arguments: " + regex + "error parsing regexp: missing closing ): `a(b`\n" +
			regex + "empty regex given\n" + regex + "error parsing regexp: invalid or unsupported Perl syntax: `(?=`"},
		{"row10_repeats", expressions("a{1001}"), "invalid arguments: " + regex + "error parsing regexp: invalid repeat count: `{1001}`"},

		{"39_type_unknown", typed("AWS", issuer), `invalid arguments: type "AWS" is unknown, those known are: GENERIC, GITHUB_ACTIONS, KUBE_SERVICE_ACCOUNT`},
		{"type_in_lower_case", typed("github_actions", ""), `invalid arguments: type "github_actions" is unknown, those known are: GENERIC, GITHUB_ACTIONS, KUBE_SERVICE_ACCOUNT`},
		{"X2_match_type_unknown", mapping(m2m.Mapping{Key: "sub", ValueExpression: "a", Role: roles.Analyst, MatchType: "full"}),
			`invalid arguments: matchType "full" for key "sub" is unknown, those known are: SEARCH, FULL, EXACT`},
		{"preset_unknown", func(c *m2m.Config) { c.Preset = "travis" },
			`invalid arguments: preset "travis" is unknown, those known are: aks, aws, azure, azure-v1, buildkite, circleci, eks, github, gitlab, gke, google, kubernetes, spiffe, terraform`},
		{"preset_of_another_type", func(c *m2m.Config) { c.Preset, c.Type = "gitlab", m2m.TypeKubeServiceAccount },
			"invalid arguments: type KUBE_SERVICE_ACCOUNT was used with preset gitlab, which goes with GENERIC"},
		{"preset_of_another_issuer", func(c *m2m.Config) { c.Preset = "buildkite" },
			iss + `preset buildkite was used, whose issuers are like https://agent.buildkite.com: "https://idp.example"`},
		{"audience_empty", func(c *m2m.Config) { c.Audiences = []string{"a", ""} }, "invalid arguments: an audience is empty"},

		{"X12_expression_too_long", expressions(strings.Repeat("a", 2049)),
			"invalid arguments: a mapping's key is longer than 512 bytes, its expression longer than 2048, its role longer than 512, or one of them is not UTF-8"},
		{"X12_repeated_repeats", expressions(`\pL{1000}\pL{1000}`), "invalid arguments: " + regex + "the expression is too complex: about 4003 instructions, where 2000 are allowed"},
		{"X12_many_large_expressions", expressions("a{1,900}", "a{1,900}", "a{1,900}", "a{1,900}", "a{1,900}"),
			"invalid arguments: the mappings' expressions are too complex: about 9005 instructions together, where 8000 are allowed"},
		{"too_many_mappings", expressions(strings.Split(strings.Repeat("a", 201), "")...), "invalid arguments: more than 200 mappings"},
		{"too_many_roles", gives(numbered(41)...), "invalid arguments: mappings name 41 roles, more than 40"},
		{"too_many_audiences", func(c *m2m.Config) { c.Audiences = numbered(33) }, "invalid arguments: more than 32 audiences"},
		{"issuer_too_long", of("https://" + strings.Repeat("a", 1000)), "invalid arguments: issuer is longer than 1000 bytes or not UTF-8"},
		{"duration_too_long", lasts(strings.Repeat("0", 200) + "5m"), "invalid arguments: tokenExpirationDuration is longer than 128 bytes or not UTF-8"},
		{"audience_too_long", func(c *m2m.Config) { c.Audiences = []string{strings.Repeat("a", 1025)} }, "invalid arguments: audience is longer than 1024 bytes or not UTF-8"},
		{"audience_not_UTF8", func(c *m2m.Config) { c.Audience = "\xff" }, "invalid arguments: audience is longer than 1024 bytes or not UTF-8"},
		{"expression_not_UTF8", mapping(m2m.Mapping{Key: "sub", ValueExpression: "\xff", Role: roles.Analyst, MatchType: m2m.MatchExact}),
			"invalid arguments: a mapping's key is longer than 512 bytes, its expression longer than 2048, its role longer than 512, or one of them is not UTF-8"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			_, err := r.svc.Create(r.ctx, generic(tt.change), unasked)
			wantInvalid(t, err, tt.want)
			_, err = r.svc.Put(r.ctx, unknown, generic(tt.change), unasked, nil)
			wantInvalid(t, err, tt.want)
			r.wantConfigs()
		})
	}
	t.Run("row1_case1", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		_, err := r.svc.Create(r.ctx, nil, unasked)
		wantInvalid(t, err, "empty config given")
	})
	t.Run("row2_case2", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		_, err := r.svc.Put(r.ctx, "", generic(), unasked, nil)
		wantInvalid(t, err, "invalid arguments: empty ID provided")
	})
	t.Run("row11_origin", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		for _, origin := range []string{m2m.OriginDeclarative, m2m.OriginDefault, m2m.OriginOrphaned} {
			v := generic(func(c *m2m.Config) { c.Traits.Origin = origin })
			want := `not authorized: machine to machine auth config "https://idp.example"'s origin is ` + origin +
				", cannot be modified or deleted with the current permission"
			_, err := r.svc.Create(r.ctx, v, unasked)
			wantError(t, err, fault.Forbidden, m2m.CodePermissionDenied, want)
			_, err = r.svc.Put(r.ctx, unknown, v, unasked, nil)
			wantError(t, err, fault.Forbidden, m2m.CodePermissionDenied, want)
		}
		r.wantConfigs()
	})
}

// TestIssuersThatMustNotBeCalled: they are refused when they are written, also by who asks for no probe
// (specs K6).
func TestIssuersThatMustNotBeCalled(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, iss := range []string{
		"https://", "https:foo", "https://u:p@idp.example", "https://idp.example?x", "https://idp.example#x", "https://10.0.0.1",
		"https://127.0.0.1:2379", "https://[::1]", "https://localhost", "https://[::ffff:169.254.169.254]", "https://0x7f.1",
	} {
		_, err := r.svc.Put(r.ctx, unknown, generic(of(iss)), unasked, nil)
		wantKind(t, err, fault.Invalid)
		want := fmt.Sprintf("creating token exchanger for config %s: creating OIDC provider for issuer %q: ", unknown, iss)
		if !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: got %q, want %q...", iss, err, want)
		}
	}
	_, err := r.svc.Create(r.ctx, generic(func(c *m2m.Config) { c.Type, c.Issuer = m2m.TypeKubeServiceAccount, "" }), unasked)
	wantKind(t, err, fault.Invalid)
	r.wantConfigs()

	r.svc = r.configure(m2m.Deps{AllowPrivateAddresses: true})
	for _, iss := range []string{"https://10.0.0.1", "http://127.0.0.1:8080", "http://localhost:8080", "http://[::1]:8080"} {
		r.create(generic(of(iss)))
	}
	for _, iss := range []string{"http://10.0.0.1", "https://169.254.169.254", "http://localhost.evil.example"} {
		_, err := r.svc.Create(r.ctx, generic(of(iss)), unasked)
		wantKind(t, err, fault.Invalid)
	}
}

// TestVerbatim: clients compare what they sent with what they get.
func TestVerbatim(t *testing.T) {
	t.Parallel()
	for n, d := range []string{"1m", "60s", "60000ms", "1.5h", "90m", "24h", "1440m", "2h45m", "+1h", ".5h"} {
		r := newRig(t)
		v := generic(of(fmt.Sprintf("HTTPS://IdP%d.example/A//b/", n)))
		v.TokenExpirationDuration, v.Audience, v.Audiences = d, " a<b>&\u00fc ", []string{"c", "b"}
		v.Mappings = []m2m.Mapping{{Key: "", ValueExpression: " <&> \\Qx", Role: roles.None}, {Key: "a.b/c", ValueExpression: "((x", Role: roles.Analyst, MatchType: m2m.MatchExact}}
		v.LimitToIDToken, v.OneTime = true, true
		v.Traits = m2m.Traits{MutabilityMode: m2m.MutabilityForced, Visibility: m2m.VisibilityHidden}
		made := r.create(v)
		v.Mappings[0].MatchType, v.Traits.Origin = m2m.MatchSearch, m2m.OriginImperative
		for _, got := range []*m2m.Config{made.Value, r.get(made.ID).Value} {
			v.ID, v.Duration = made.ID, got.Duration
			if fmt.Sprint(printed(got)) != fmt.Sprint(printed(v)) {
				t.Errorf("got  %+v\nwant %+v", printed(got), printed(v))
			}
			if got.Duration <= 0 {
				t.Errorf("%s: got duration %v", d, got.Duration)
			}
		}
	}
}

// printed is what of a config is for others.
func printed(c *m2m.Config) []any {
	return []any{
		c.ID, c.Type, c.TokenExpirationDuration, c.Duration, c.Issuer, c.Audience, c.Audiences, c.Mappings, c.Traits, c.Preset,
		c.LimitToIDToken, c.OneTime,
	}
}

func numbered(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("r%d", i)
	}
	return list
}
