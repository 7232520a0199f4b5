package m2m_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/authgate/authgate/m2m"
	"github.com/authgate/authgate/roles"
)

// Test59: the mappings of upstream's test, and which roles are left of them.
func Test59_Mappings(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.role("roxctl", nil)
	c := r.create(generic(mapping(
		m2m.Mapping{Key: "sub", ValueExpression: "something", Role: roles.Admin},
		m2m.Mapping{Key: "aud", ValueExpression: "something", Role: roles.Analyst},
		m2m.Mapping{Key: "aud", ValueExpression: "somewhere", Role: roles.Analyst},
		m2m.Mapping{Key: "aud", ValueExpression: "elsewhere", Role: "Deployer"},
		m2m.Mapping{Key: "repository", ValueExpression: "github.com/sample-org/sample-repo:main:.*", Role: "roxctl"},
		m2m.Mapping{Key: "iss", ValueExpression: ".*", Role: roles.None},
	))).Value
	got := c.Match(claims{
		"sub": {"something"}, "aud": {"something", "somewhere"}, "repository": {"github.com/sample-org/sample-repo:main:062348SHA"},
		"iss": {"https://stackrox.io"},
	})
	if want := []string{roles.Admin, roles.Analyst, "roxctl", roles.None}; !slices.Equal(got, want) {
		t.Fatalf("got %q, want %q", got, want)
	}
	effective, err := r.roles.Resolve(r.ctx, got)
	if err != nil || len(effective.Roles) != 3 {
		t.Errorf("got %v, %v", effective.Roles, err)
	}
}

func TestMatch(t *testing.T) {
	t.Parallel()
	search, full, exact := m2m.MatchSearch, m2m.MatchFull, m2m.MatchExact
	for _, tt := range []struct {
		name, match, expression string
		values                  []string
		want                    bool
	}{
		{"search_within", search, `repo:acme/app`, []string{"xrepo:acme/app-evil:ref"}, true}, // as upstream; Warnings says so
		{"search_by_default", "", `b`, []string{"abc"}, true},
		{"search_anchored", search, `^repo:acme/app$`, []string{"repo:acme/app-evil"}, false},
		{"search_any_value", search, `^b$`, []string{"a", "b"}, true},
		{"search_case", search, `^B$`, []string{"b"}, false},
		{"search_case_folded", search, `(?i)^B$`, []string{"b"}, true},
		{"search_not_over_lines", search, `^a.b$`, []string{"a\nb"}, false},
		{"search_no_value", search, `.*`, nil, false},
		{"search_empty_value", search, `.*`, []string{""}, true},

		{"X2_full", full, `repo:org/app`, []string{"evil/repo:org/app-x"}, false},
		{"X2_full_prefix", full, `repo:org/app`, []string{"repo:org/app-x"}, false},
		{"X2_full_suffix", full, `repo:org/app`, []string{"evil/repo:org/app"}, false},
		{"X2_full_newline", full, `repo:org/app`, []string{"repo:org/app\n"}, false},
		{"X2_full_anchored_line", full, `(?m)^repo:org/app$`, []string{"repo:org/app\nx", "x\nrepo:org/app"}, false},
		{"full", full, `repo:org/app`, []string{"repo:org/app"}, true},
		{"full_second_way", full, `a|ab`, []string{"ab"}, true},
		{"X2_full_ways_are_bound", full, `a|b`, []string{"ax", "xb"}, false},
		{"full_lazy", full, `a+?`, []string{"aaa"}, true},
		{"full_later_match_longer", full, `b*|a`, []string{"abb"}, false},
		{"X2_full_open_quote", full, `\Qa.b`, []string{"axb", "a.bc"}, false},
		{"full_open_quote", full, `\Qa.b`, []string{"a.b"}, true},
		{"full_empty", full, `a*`, []string{""}, true},

		{"exact", exact, `a.*(b`, []string{"a.*(b"}, true},
		{"X2_exact_is_no_expression", exact, `.*`, []string{"a"}, false},
		{"X2_exact_whole", exact, `a`, []string{"ab", "ba", "A", "a\n", ""}, false},
		{"exact_any_value", exact, `a`, []string{"b", "a"}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			c := r.create(generic(mapping(
				m2m.Mapping{Key: "other", ValueExpression: ".*", Role: roles.Admin},
				m2m.Mapping{Key: "k", ValueExpression: tt.expression, MatchType: tt.match, Role: roles.Analyst},
				m2m.Mapping{Key: "K", ValueExpression: ".*", Role: roles.Admin},
			))).Value
			for _, c := range []*m2m.Config{c, r.get(c.ID).Value} {
				got, verdicts := c.Match(claims{"k": tt.values}), c.Judge(claims{"k": tt.values})
				if slices.Equal(got, []string{roles.Analyst}) != tt.want || !tt.want && len(got) != 0 {
					t.Errorf("%q as %s over %q: got %q, want %t", tt.expression, tt.match, tt.values, got, tt.want)
				}
				if len(verdicts) != 3 || verdicts[1].Matched != tt.want || verdicts[0].Matched || verdicts[2].Matched ||
					!slices.Equal(verdicts[1].Values, tt.values) || verdicts[1].Mapping.Role != roles.Analyst {
					t.Errorf("got verdicts %+v", verdicts)
				}
			}
		})
	}
	t.Run("X1_nothing_gives_nothing", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		if got := r.create(generic(mapping())).Value.Match(claims{"sub": {"user-1"}}); len(got) != 0 {
			t.Errorf("got %q", got)
		}
		if got := r.create(generic(of("https://b.example"))).Value.Match(nil); len(got) != 0 {
			t.Errorf("got %q", got)
		}
	})
}

// FuzzFull compares FULL with what the expression says between anchors.
func FuzzFull(f *testing.F) {
	for _, seed := range [][2]string{{"a|ab", "ab"}, {"(?m)^a$", "a\nb"}, {"a*?b*", "aab"}, {`\ba\B|x+`, "xx"}, {"(?i)k", "\u212a"}, {"", "x"}, {".", "\xff"}} {
		f.Add(seed[0], seed[1])
	}
	r := newRig(f)
	f.Fuzz(func(t *testing.T, expression, value string) {
		whole, err := regexp.Compile(`\A(?:` + expression + `)\z`)
		if err != nil || strings.Contains(expression, `\Q`) {
			return
		}
		item, err := r.svc.Put(r.ctx, unknown, generic(mapping(
			m2m.Mapping{Key: "k", ValueExpression: expression, MatchType: m2m.MatchFull, Role: roles.Analyst},
		)), unasked, nil)
		if err != nil {
			return
		}
		if got, want := len(item.Value.Match(claims{"k": {value}})) == 1, whole.MatchString(value); got != want {
			t.Errorf("%q over %q: got %t, want %t", expression, value, got, want)
		}
	})
}
