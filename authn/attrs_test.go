package authn_test

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/authgate/authgate/authn"
)

// TestAttrsRoundTrip: whatever is packed comes out again, in sorted order.
func TestAttrsRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := rapid.MapOf(rapid.String(), rapid.SliceOfN(rapid.String(), 0, 5)).Draw(t, "claims")
		a := authn.NewAttrs(m)
		if got, want := a.Names(), slices.Sorted(maps.Keys(m)); !slices.Equal(got, want) {
			t.Fatalf("Names: got %q, want %q", got, want)
		}
		for name, values := range a.All() {
			if got := slices.Collect(values); !slices.Equal(got, m[name]) {
				t.Fatalf("All: %q has %q, want %q", name, got, m[name])
			}
		}
		for name, values := range m {
			if got := a.Get(name); !slices.Equal(got, values) {
				t.Fatalf("Get(%q): got %q, want %q", name, got, values)
			}
			first := ""
			if len(values) > 0 {
				first = values[0]
			}
			if got := a.First(name); got != first {
				t.Fatalf("First(%q): got %q, want %q", name, got, first)
			}
			for _, v := range values {
				if !a.Has(name, v) {
					t.Fatalf("Has(%q, %q): got false", name, v)
				}
			}
		}
		other := rapid.String().Draw(t, "other")
		if _, ok := m[other]; !ok && (a.Get(other) != nil || a.First(other) != "" || a.Has(other, "")) {
			t.Fatalf("%q is found although it was not packed", other)
		}
	})
}

func TestAttrsEdges(t *testing.T) {
	t.Parallel()
	var zero authn.Attrs
	if zero.Names() != nil || zero.Get("x") != nil || zero.First("x") != "" || zero.Has("x", "") {
		t.Error("the zero Attrs is not empty")
	}
	long := string(make([]byte, 70000)) // a length of three bytes
	a := authn.NewAttrs(map[string][]string{"long": {long, "x"}, "none": {}, "": {"empty name"}})
	if got := a.Get("long"); len(got) != 2 || got[0] != long || got[1] != "x" {
		t.Error("a long value is not returned whole")
	}
	if !a.Has("", "empty name") || a.First("none") != "" || a.Has("long", "") {
		t.Error("edges are judged wrongly")
	}
	for range a.All() {
		break // stopping early is allowed
	}
	mutated := a.Get("long")
	mutated[1] = "y"
	if !a.Has("long", "x") {
		t.Error("a caller changed what others see")
	}
}
