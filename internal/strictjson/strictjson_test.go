package strictjson_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/authgate/authgate/internal/strictjson"
)

const depth = 8

func TestCheck(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, text string
		want       error // nil: accepted
	}{
		{"object", `{"a":1,"b":[true,false,null,"x",-1.5e+3]}`, nil},
		{"white_space", " \t\r\n{ \"a\" : [ ] , \"b\" : { } } \n", nil},
		{"scalar", `7`, nil},
		{"same_name_at_two_levels", `{"a":{"a":{"a":1}},"b":{"a":1}}`, nil},
		{"same_name_in_two_elements", `[{"a":1},{"a":1}]`, nil},
		{"names_differ_by_case", `{"a":1,"A":2}`, nil},
		{"empty_name", `{"":1}`, nil},
		{"surrogate_pair", `{"\ud834\udd1e":1}`, nil},
		{"as_deep_as_allowed", strings.Repeat("[", depth) + strings.Repeat("]", depth), nil},
		{"many_members", object(100, 100), nil},

		{"J15_duplicate", `{"a":1,"a":2}`, strictjson.ErrDuplicate},
		{"J15_duplicate_not_adjacent", `{"a":1,"b":{},"a":2}`, strictjson.ErrDuplicate},
		{"J15_duplicate_escaped", `{"a":1,"\u0061":2}`, strictjson.ErrDuplicate},
		{"J15_duplicate_escaped_twice", `{"\u0061":1,"\u0061":2}`, strictjson.ErrDuplicate},
		{"J15_duplicate_empty", `{"":1,"":2}`, strictjson.ErrDuplicate},
		{"J15_duplicate_nested", `{"x":[{"a":1,"a":2}]}`, strictjson.ErrDuplicate},
		{"J15_duplicate_among_16", object(16, 0), strictjson.ErrDuplicate},
		{"J15_duplicate_among_17", object(17, 0), strictjson.ErrDuplicate},
		{"J15_duplicate_among_100", object(100, 50), strictjson.ErrDuplicate},
		{"J15_half_surrogates_read_as_one", `{"\ud800":1,"\ud801":2}`, strictjson.ErrDuplicate},

		{"too_deep", strings.Repeat("[", depth+1) + strings.Repeat("]", depth+1), strictjson.ErrDepth},
		{"J17_far_too_deep", strings.Repeat(`{"a":`, 100000), strictjson.ErrDepth},

		{"empty", ``, strictjson.ErrSyntax},
		{"two_values", `{} {}`, strictjson.ErrSyntax},
		{"trailing_comma", `{"a":1,}`, strictjson.ErrSyntax},
		{"trailing_comma_in_array", `[1,]`, strictjson.ErrSyntax},
		{"leading_zero", `[01]`, strictjson.ErrSyntax},
		{"not_a_number", `[NaN]`, strictjson.ErrSyntax},
		{"unquoted_name", `{a:1}`, strictjson.ErrSyntax},
		{"single_quotes", `{'a':1}`, strictjson.ErrSyntax},
		{"comment", `{/**/"a":1}`, strictjson.ErrSyntax},
		{"control_character_in_text", "\"\n\"", strictjson.ErrSyntax},
		{"bad_escape", `"\x41"`, strictjson.ErrSyntax},
		{"unfinished_escape", `"\`, strictjson.ErrSyntax},
		{"unfinished_text", `"abc`, strictjson.ErrSyntax},
		{"unfinished_object", `{"a":1`, strictjson.ErrSyntax},
		{"not_utf8", "\"\xff\"", strictjson.ErrSyntax},
		{"byte_order_mark", "\ufeff{}", strictjson.ErrSyntax},
		{"nul", "{}\x00", strictjson.ErrSyntax},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if err := strictjson.Check([]byte(tt.text), depth); !errors.Is(err, tt.want) || (tt.want == nil) != (err == nil) {
				t.Fatalf("%.80q: got %v, want %v", tt.text, err, tt.want)
			}
		})
	}
}

// object has n members, the last of which repeats the name of number twin.
func object(n, twin int) string {
	var b strings.Builder
	for m := range n {
		name := m
		if m == n-1 && twin < n {
			name = twin
		}
		fmt.Fprintf(&b, `,"n%d":""`, name)
	}
	return "{" + b.String()[1:] + "}"
}

// TestCheckRepeatsNothing: the text may be a token, so no part of it may get into an error.
func TestCheckRepeatsNothing(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`{"LEAK":1,"LEAK":2}`, `{"LEAK`, `LEAK`, `"\LEAK"`, "\"LEAK\xff\""} {
		if err := strictjson.Check([]byte(text), depth); err == nil || strings.Contains(err.Error(), "LEAK") {
			t.Errorf("%q: got %v, want an error without the text", text, err)
		}
	}
}

func TestCheckAllocates(t *testing.T) {
	for _, members := range []int{1, 16} {
		data := []byte(object(members, members))
		if n := testing.AllocsPerRun(100, func() { _ = strictjson.Check(data, depth) }); n != 0 {
			t.Errorf("%d members: got %v allocations, want none", members, n)
		}
	}
}

// FuzzCheck compares Check with encoding/json: the same texts are valid, but for the rules Check adds.
func FuzzCheck(f *testing.F) {
	for _, seed := range []string{
		`{"a":1,"a":2}`, `{"\u0061":1,"a":2}`, `[[[[[[[[[]]]]]]]]]`, `{"a":[1,-0.5e-3,true,false,null,"\ud800\n"]}`,
		` 7 `, `{"a":{"b":{}},"c":[]}`, `"\u00"`, "\"\xff\"", `[1,]`, `{,}`, `tru`, `-`, `01`, `1.`, `1e700`, `{"":{"":""}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Add([]byte(object(20, 3)))
	f.Fuzz(func(t *testing.T, data []byte) {
		err := strictjson.Check(data, depth)
		valid := json.Valid(data) && utf8.Valid(data)
		switch {
		case err == nil && !valid:
			t.Fatalf("%q passed, which encoding/json refuses", data)
		case errors.Is(err, strictjson.ErrSyntax) && valid:
			t.Fatalf("%q: got %v, but encoding/json reads it", data, err)
		case !valid:
			return
		}
		deep, dup := judge(t, data)
		if (err == nil) != (!deep && !dup) {
			t.Fatalf("%q: got %v, want too deep %t, duplicate %t", data, err, deep, dup)
		}
	})
}

// judge walks valid JSON by encoding/json's tokens and reports the two mistakes Check looks for.
func judge(t *testing.T, data []byte) (deep, dup bool) {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber() // 1e700 is JSON, whatever a float64 holds
	type level struct {
		names map[string]bool // nil for an array
		value bool            // a member's value comes next
	}
	var stack []level
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return deep, dup
		}
		if err != nil {
			t.Fatalf("%q: %v", data, err)
		}
		if name, ok := tok.(string); ok && len(stack) > 0 && stack[len(stack)-1].names != nil && !stack[len(stack)-1].value {
			top := &stack[len(stack)-1]
			dup = dup || top.names[name]
			top.names[name], top.value = true, true
			continue
		}
		switch tok {
		case json.Delim('}'), json.Delim(']'):
			stack = stack[:len(stack)-1]
			continue
		}
		if len(stack) > 0 {
			stack[len(stack)-1].value = false
		}
		switch tok {
		case json.Delim('{'):
			stack = append(stack, level{names: map[string]bool{}})
		case json.Delim('['):
			stack = append(stack, level{})
		}
		deep = deep || len(stack) > depth
	}
}
