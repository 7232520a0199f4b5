package m2m

import (
	"fmt"
	"regexp/syntax"
	"slices"

	"github.com/authgate/authgate/roles"
)

// Warnings says what in c is allowed and probably not meant, for whoever writes it. It never returns nil.
func Warnings(c *Config) []string {
	warnings := []string{}
	add := func(format string, args ...any) { warnings = append(warnings, fmt.Sprintf(format, args...)) }
	if len(c.AcceptedAudiences()) == 0 {
		add("no audience: tokens that the issuer made out to anybody else are accepted too")
	}
	if len(c.Mappings) == 0 {
		add("no mappings: no token gets a role, every exchange is refused")
	}
	for i, m := range c.Mappings {
		where := fmt.Sprintf("mapping %d, key %q", i+1, m.Key)
		switch {
		case c.matchers[i].matchesAll():
			add("%s: the expression matches any value", where)
		case m.MatchType == MatchSearch && !isAnchored(m.ValueExpression):
			add("%s: the expression is not anchored: it also matches within longer values; write ^...$ or use matchType FULL or EXACT", where)
		}
		if m.Role == roles.None {
			add("%s: role None gives nothing", where)
		}
		if reason := c.neverPresent(m.Key); reason != "" {
			add("%s: %s", where, reason)
		}
	}
	return warnings
}

// neverPresent says why no token of c has a claim of this name that could be mapped, or "".
func (c *Config) neverPresent(key string) string {
	switch {
	case key == "exp" || key == "iat" || key == "nbf":
		return "the claim is a number, which cannot be mapped"
	case c.preset != nil && !c.preset.has(key):
		return "preset " + c.preset.Name + " has no such claim"
	case c.Type == TypeGitHubActions && key != "sub" && key != "aud" && !slices.Contains(githubClaims[:], key):
		return "type " + TypeGitHubActions + " has no such claim"
	}
	return ""
}

// matchesAll reports whether the expression takes whatever it is given, so far as a few very different values
// show.
func (m *matcher) matchesAll() bool {
	for _, value := range []string{"0", "~", "Q", "\u03a9", "a:/ .b_", "https://x.example/y?z"} {
		if !m.matches(value) {
			return false
		}
	}
	return true
}

// isAnchored reports whether a match of the expression is always the whole value.
func isAnchored(expression string) bool {
	tree, err := syntax.Parse(expression, syntax.Perl)
	return err == nil && isBound(tree, syntax.OpBeginText, false) && isBound(tree, syntax.OpEndText, true)
}

// isBound reports whether each way through re begins with the anchor, or with atEnd ends with it.
func isBound(re *syntax.Regexp, anchor syntax.Op, atEnd bool) bool {
	switch re.Op {
	case anchor:
		return true
	case syntax.OpCapture, syntax.OpPlus:
		return isBound(re.Sub[0], anchor, atEnd)
	case syntax.OpRepeat:
		return re.Min > 0 && isBound(re.Sub[0], anchor, atEnd)
	case syntax.OpAlternate:
		return !slices.ContainsFunc(re.Sub, func(sub *syntax.Regexp) bool { return !isBound(sub, anchor, atEnd) })
	case syntax.OpConcat:
		at := 0
		if atEnd {
			at = len(re.Sub) - 1
		}
		return isBound(re.Sub[at], anchor, atEnd)
	}
	return false
}
