package m2m_test

import (
	"strings"
	"testing"

	"github.com/authgate/authgate/m2m"
	"github.com/authgate/authgate/roles"
)

// BenchmarkJudge is what an exchange adds to verifying and signing: claims, user and roles of a job's token.
func BenchmarkJudge(b *testing.B) {
	for name, typ := range map[string]string{"github": m2m.TypeGitHubActions, "generic": m2m.TypeGeneric} {
		b.Run(name, func(b *testing.B) {
			r := newRig(b)
			v := generic(mapping(
				m2m.Mapping{Key: "sub", ValueExpression: "^repo:octo-org/octo-repo:environment:prod$", Role: roles.Analyst},
				m2m.Mapping{Key: "repository", ValueExpression: "^octo-org/.*$", Role: "Deployer"},
				m2m.Mapping{Key: "ref", ValueExpression: "refs/tags/v1", Role: roles.Admin, MatchType: m2m.MatchExact},
			))
			v.Type, v.Issuer = typ, m2m.GitHubIssuer
			c, payload := r.create(v).Value, githubToken(nil)
			b.ReportAllocs()
			for b.Loop() {
				found, err := c.Claims(payload)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := c.User(found); err != nil {
					b.Fatal(err)
				}
				if got := c.Match(found); len(got) != 2 {
					b.Fatal(got)
				}
			}
		})
	}
}

// BenchmarkByIssuer is the look-up of every exchange.
func BenchmarkByIssuer(b *testing.B) {
	r := newRig(b)
	r.create(generic())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.svc.ByIssuer(r.ctx, issuer); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkWorstExpressions is what the most expensive expressions that are accepted cost over the largest
// claim that is (specs X12). Without the limits on both it would be minutes.
func BenchmarkWorstExpressions(b *testing.B) {
	bad := m2m.Mapping{Key: "k", ValueExpression: `(?:[^b]{1,30}){30}b`, Role: roles.Analyst}
	c := newRig(b).create(generic(mapping(bad, bad, bad, bad))).Value
	worst := claims{"k": {strings.Repeat("a", 16<<10)}}
	for b.Loop() {
		c.Match(worst)
	}
}
