package fault_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/authgate/authgate/internal/fault"
)

func TestError(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err  *fault.Error
		want string
	}{
		{fault.New(fault.Invalid, "creating x", "name", "is %q", "y"), `creating x: name: is "y"`},
		{fault.New(fault.Invalid, "", "name", "bad"), "name: bad"},
		{fault.New(fault.Invalid, "creating x", "", "bad"), "creating x: bad"},
		{&fault.Error{Kind: fault.NotFound, Op: "reading x"}, "reading x: not found"},
		{&fault.Error{}, "internal"},
	} {
		if got := tt.err.Error(); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

func TestKindOf(t *testing.T) {
	t.Parallel()
	inner := fault.New(fault.NotFound, "reading", "", "gone: %w", io.EOF)
	outer := fault.New(fault.Unavailable, "serving", "", "trying: %w", inner)
	for _, tt := range []struct {
		name string
		err  error
		want fault.Kind
	}{
		{"nil", nil, fault.Internal},
		{"plain", errors.New("x"), fault.Internal},
		{"direct", inner, fault.NotFound},
		{"wrapped", fmt.Errorf("x: %w", inner), fault.NotFound},
		{"outermost_wins", outer, fault.Unavailable},
		{"joined", errors.Join(errors.New("x"), inner), fault.NotFound},
	} {
		if got := fault.KindOf(tt.err); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
	if !errors.Is(outer, io.EOF) {
		t.Error("the cause is not found behind two errors")
	}
	if !fault.Is(outer, fault.Unavailable) || fault.Is(outer, fault.NotFound) {
		t.Error("Is does not judge by the outermost error")
	}
	if fault.Is(nil, fault.Internal) || fault.Is(errors.New("x"), fault.Internal) {
		t.Error("Is takes an unclassified error for a classified one")
	}
}

func TestKindString(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for k := fault.Internal; k <= fault.Gone; k++ {
		if name := k.String(); name == "" || seen[name] {
			t.Errorf("kind %d has the name %q, empty or used before", k, name)
		} else {
			seen[name] = true
		}
	}
	if got := fault.Kind(200).String(); got != "kind(200)" {
		t.Errorf("got %q", got)
	}
}
