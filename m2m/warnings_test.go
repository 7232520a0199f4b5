package m2m_test

import (
	"slices"
	"testing"

	"github.com/authgate/authgate/m2m"
	"github.com/authgate/authgate/roles"
)

func TestWarnings(t *testing.T) {
	t.Parallel()
	const (
		audience   = "no audience: tokens that the issuer made out to anybody else are accepted too"
		unanchored = `mapping 1, key "sub": the expression is not anchored: it also matches within longer values; write ^...$ or use matchType FULL or EXACT`
		any        = `mapping 1, key "sub": the expression matches any value`
	)
	sub := func(expression, match string) func(*m2m.Config) {
		return mapping(m2m.Mapping{Key: "sub", ValueExpression: expression, MatchType: match, Role: roles.Analyst})
	}
	key := func(name string) func(*m2m.Config) {
		return mapping(m2m.Mapping{Key: name, ValueExpression: "^a$", Role: roles.Analyst})
	}
	for _, tt := range []struct {
		name   string
		change func(*m2m.Config)
		want   []string // beside the one about the audience
	}{
		{"none", sub("^a$", ""), nil},
		{"no_mappings", mapping(), []string{"no mappings: no token gets a role, every exchange is refused"}},
		{"role_None", mapping(m2m.Mapping{Key: "sub", ValueExpression: "^a$", Role: roles.None}), []string{`mapping 1, key "sub": role None gives nothing`}},
		{"second_mapping", mapping(m2m.Mapping{Key: "sub", ValueExpression: "^a$", Role: roles.Analyst}, m2m.Mapping{Key: "", ValueExpression: ".*", Role: roles.None}),
			[]string{`mapping 2, key "": the expression matches any value`, `mapping 2, key "": role None gives nothing`}},
		{"number", key("exp"), []string{`mapping 1, key "exp": the claim is a number, which cannot be mapped`}},
		{"github_issuer", func(c *m2m.Config) { c.Type, c.Issuer = m2m.TypeGitHubActions, ""; key("iss")(c) },
			[]string{`mapping 1, key "iss": type GITHUB_ACTIONS has no such claim`}},
		{"github_audience", func(c *m2m.Config) { c.Type, c.Issuer = m2m.TypeGitHubActions, ""; key("aud")(c) }, nil},
		{"preset", func(c *m2m.Config) { c.Preset = "gitlab"; key("repository")(c) }, []string{`mapping 1, key "repository": preset gitlab has no such claim`}},
		{"preset_family", func(c *m2m.Config) { c.Preset = "kubernetes"; key("kubernetes.io.pod.name")(c) }, nil},

		{"X2_unanchored", sub("repo:acme/app", ""), []string{unanchored}},
		{"X2_half_anchored", sub("^repo:acme/app", ""), []string{unanchored}},
		{"X2_other_half", sub("repo:acme/app$", ""), []string{unanchored}},
		{"X2_one_way_unanchored", sub("^a|b$", ""), []string{unanchored}},
		{"X2_optional_anchor", sub("^?a$", ""), []string{unanchored}},
		{"X2_anchored_lines", sub("(?m)^a$", ""), []string{unanchored}},
		{"X2_star", sub("^a.*", ""), []string{unanchored}},
		{"anchored_ways", sub("^(a|b)$", ""), nil},
		{"each_way_anchored", sub("^a$|^b$", ""), nil},
		{"anchored_in_groups", sub(`(?:(^a)(b\z))`, ""), nil},
		{"anchored_prefix", sub("^repo:acme/.*$", ""), nil},
		{"full", sub("a", m2m.MatchFull), nil},
		{"exact", sub("a", m2m.MatchExact), nil},

		{"any", sub(".*", ""), []string{any}},
		{"any_anchored", sub("^.*$", ""), []string{any}},
		{"any_one", sub(".", ""), []string{any}},
		{"any_full", sub(".+", m2m.MatchFull), []string{any}},
		{"any_by_nothing", sub("x*", ""), []string{any}},
		{"any_by_choice", sub("repo|", ""), []string{any}},
		{"any_exact_is_not", sub(".*", m2m.MatchExact), nil},
		{"nothing", sub("^$", ""), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			v := generic(tt.change)
			if v.Preset == "gitlab" {
				v.Issuer = ""
			}
			if got := m2m.Warnings(r.create(v).Value); !slices.Equal(got, append([]string{audience}, tt.want...)) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			v.Audiences = []string{"https://gate.example"}
			v.Issuer = "https://two.example"
			if v.Type == m2m.TypeGitHubActions {
				return
			}
			if got := m2m.Warnings(r.create(v).Value); got == nil || !slices.Equal(got, tt.want) {
				t.Errorf("with an audience: got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestAudiences(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		one        string
		more, want []string
	}{
		{"", nil, nil}, {"a", nil, []string{"a"}}, {"", []string{"b", "c"}, []string{"b", "c"}}, {"a", []string{"b"}, []string{"a", "b"}}, {"b", []string{"a", "b"}, []string{"a", "b"}},
	} {
		c := m2m.Config{Audience: tt.one, Audiences: tt.more}
		if got := c.AcceptedAudiences(); !slices.Equal(got, tt.want) {
			t.Errorf("%q and %q: got %q", tt.one, tt.more, got)
		}
	}
}
