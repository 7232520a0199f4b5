package m2m

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
)

// matcher is a compiled Mapping. The zero value matches nothing.
type matcher struct {
	exact  bool
	full   bool
	text   string
	search *regexp.Regexp
	size   int // of the program, in instructions
}

// Go's regular expressions take time proportional to the size of the program times that of the text. Both
// are bounded, the text by Flatten (specs X12).
const (
	maxProgram  = 2_000 // instructions of one expression
	maxPrograms = 8_000 // of all expressions of a config together
)

// compile returns the matcher of m. Its errors are made for clients, in upstream's words where it has some.
func (m Mapping) compile() (matcher, error) {
	if m.ValueExpression == "" {
		return matcher{}, errors.New("empty regex given")
	}
	if m.MatchType == MatchExact {
		return matcher{exact: true, text: m.ValueExpression}, nil
	}
	tree, err := syntax.Parse(m.ValueExpression, syntax.Perl)
	if err != nil {
		return matcher{}, err
	}
	// Before it is compiled: 1000 repetitions of 1000 take long to write down, too.
	size := programSize(tree)
	if size > maxProgram {
		return matcher{}, fmt.Errorf("the expression is too complex: about %d instructions, where %d are allowed", size, maxProgram)
	}
	re, err := regexp.Compile(m.ValueExpression)
	if err != nil {
		return matcher{}, err
	}
	made := matcher{search: re, size: size, full: m.MatchType == MatchFull}
	if made.full {
		re.Longest() // the leftmost match is then all of the value if any match is
	}
	return made, nil
}

// programSize estimates how many instructions the compiled expression has, rather too many than too few.
func programSize(re *syntax.Regexp) int {
	const most = 1 << 30
	size := 1
	for _, sub := range re.Sub {
		size = min(size+programSize(sub), most)
	}
	switch re.Op {
	case syntax.OpLiteral:
		size = len(re.Rune)
	case syntax.OpCapture:
		size++
	case syntax.OpRepeat:
		size = min(size*max(re.Min, re.Max, 1)+1, most) // each is at most 1000
	}
	return size
}

func (m *matcher) matches(value string) bool {
	switch {
	case m.exact:
		return value == m.text
	case m.search == nil:
		return false
	case m.full:
		at := m.search.FindStringIndex(value)
		return at != nil && at[0] == 0 && at[1] == len(value)
	}
	return m.search.MatchString(value)
}

// Verdict says what one mapping makes of a token's claims.
type Verdict struct {
	Mapping Mapping
	Values  []string // of the claim; none if the token does not have it
	Matched bool
}

// Judge returns the verdict of each mapping, in their order.
func (c *Config) Judge(claims map[string][]string) []Verdict {
	verdicts := make([]Verdict, len(c.Mappings))
	for i, m := range c.Mappings {
		values := claims[m.Key]
		verdicts[i] = Verdict{Mapping: m, Values: values, Matched: slices.ContainsFunc(values, c.matchers[i].matches)}
	}
	return verdicts
}

// Match returns the roles of the mappings that match claims, in their order and without repetitions; None
// may be among them. None at all means that the token gets nothing (specs X1).
func (c *Config) Match(claims map[string][]string) []string {
	var names []string
	for i, m := range c.Mappings {
		if !slices.Contains(names, m.Role) && slices.ContainsFunc(claims[m.Key], c.matchers[i].matches) {
			names = append(names, m.Role)
		}
	}
	return names
}
