package seal_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/store"
	"github.com/authgate/authgate/store/seal"
)

const records = 200 // several transactions

func path(i int) string { return fmt.Sprintf("things/r/%03d", i) }

func text(i int) string { return fmt.Sprintf("the-value-of-%03d", i) }

// filled returns a store whose records are sealed with the given key.
func filled(t *testing.T, key seal.Key) *store.Memory {
	t.Helper()
	m := store.NewMemory()
	s := wrap(t, m, seal.Config{Keys: ring(t, key)})
	for i := range records {
		put(t, s, path(i), text(i))
		put(t, s, fmt.Sprintf("things/u/name/%03d", i), fmt.Sprint(i))
	}
	return m
}

// check asserts that every record is sealed with key and says what it did.
func check(t *testing.T, m *store.Memory, key seal.Key) {
	t.Helper()
	s := seal.Wrap(m, seal.Config{Prefix: prefix, Keys: ring(t, key)})
	for i := range records {
		if got := string(get(t, s, path(i))); got != text(i) {
			t.Fatalf("%s reads %q", path(i), got)
		}
	}
}

func silent(seal.Progress) {}

func TestRewrite(t *testing.T) {
	t.Parallel()
	a, b := newKey(t), newKey(t)
	m := filled(t, a)
	s := wrap(t, m, seal.Config{Keys: ring(t, b, a)})
	before := m.Revision()
	want := seal.Progress{Total: records, Rewritten: records}
	if p, err := s.Rewrite(t.Context(), true, silent); err != nil || p != want || m.Revision() != before {
		t.Errorf("dry run: %+v, %v, at revision %d after %d", p, err, m.Revision(), before)
	}
	var steps []seal.Progress
	p, err := s.Rewrite(t.Context(), false, func(p seal.Progress) { steps = append(steps, p) })
	if err != nil || p != want {
		t.Errorf("%+v, %v; want %+v", p, err, want)
	}
	if len(steps) < 3 || steps[0].Rewritten != 0 || steps[len(steps)-1] != want {
		t.Errorf("steps %+v", steps)
	}
	check(t, m, b)
	before = m.Revision()
	if p, err := s.Rewrite(t.Context(), false, silent); err != nil || p != (seal.Progress{Total: records, Current: records}) || m.Revision() != before {
		t.Errorf("again: %+v, %v", p, err)
	}
}

// A rewrite that is interrupted, by its caller or by the store, goes on where it stopped.
func TestRewriteResumes(t *testing.T) {
	t.Parallel()
	a, b := newKey(t), newKey(t)
	for name, interrupt := range map[string]func(m *store.Memory, cancel func()){
		"caller":  func(_ *store.Memory, cancel func()) { cancel() },
		"store":   func(m *store.Memory, _ func()) { m.FailWrites(store.ErrUnavailable) },
		"at once": nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := filled(t, a)
			s := wrap(t, m, seal.Config{Keys: ring(t, b, a)})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if interrupt == nil {
				cancel()
			}
			steps := 0
			first, err := s.Rewrite(ctx, false, func(seal.Progress) {
				if steps++; steps == 2 && interrupt != nil {
					interrupt(m, cancel)
				}
			})
			if err == nil || first.Rewritten == records || interrupt != nil && first.Rewritten == 0 {
				t.Fatalf("interrupted: %+v, %v", first, err)
			}
			m.FailWrites(nil)
			second, err := s.Rewrite(t.Context(), false, silent)
			if err != nil || second.Current != first.Rewritten || second.Rewritten != records-first.Rewritten {
				t.Errorf("resumed: %+v, %v after %+v", second, err, first)
			}
			check(t, m, b)
		})
	}
}

// TestRewriteAmongWriters: a record that others change or remove meanwhile stays as they left it, and is
// sealed with the first key in the end even if they use another.
func TestRewriteAmongWriters(t *testing.T) {
	t.Parallel()
	a, b := newKey(t), newKey(t)
	m := filled(t, a)
	s, old := wrap(t, m, seal.Config{Keys: ring(t, b, a)}), wrap(t, m, seal.Config{Keys: ring(t, a, b)})
	once := true
	p, err := s.Rewrite(t.Context(), false, func(seal.Progress) {
		if !once {
			return
		}
		once = false
		put(t, old, path(5), "new-and-old-key")
		put(t, s, path(6), "new-and-new-key")
		if _, err := s.Txn(t.Context(), nil, []store.Op{{Key: path(7), Delete: true}}); err != nil {
			t.Fatal(err)
		}
	})
	if want := (seal.Progress{Total: records, Current: 2, Rewritten: records - 2}); err != nil || p != want {
		t.Errorf("%+v, %v; want %+v", p, err, want)
	}
	only := seal.Wrap(m, seal.Config{Prefix: prefix, Keys: ring(t, b)})
	for i, want := range map[int]string{5: "new-and-old-key", 6: "new-and-new-key", 7: "", 8: text(8)} {
		if got := string(get(t, only, path(i))); got != want {
			t.Errorf("%s reads %q, want %q", path(i), got, want)
		}
	}
}

// A rewrite must not make good what somebody planted, nor stop at it.
func TestRewriteLeavesWhatItCannotOpen(t *testing.T) {
	t.Parallel()
	a, b, gone := newKey(t), newKey(t), newKey(t)
	m := filled(t, a)
	planted := map[string]string{
		path(0): plain, path(1): string(get(t, m, path(2))), path(3): "authgate-seal:1:" + b.ID() + ":claims to be current",
		path(4): string(sealed(t, ring(t, gone), "x", prefix+path(4))),
	}
	for at, value := range planted {
		put(t, m, at, value)
	}
	s := wrap(t, m, seal.Config{Keys: ring(t, b, a)})
	p, err := s.Rewrite(t.Context(), false, silent)
	if want := (seal.Progress{Total: records, Rewritten: records - 4, Unreadable: 4}); err != nil || p != want {
		t.Errorf("%+v, %v; want %+v", p, err, want)
	}
	for at, value := range planted {
		if got := string(get(t, m, at)); got != value {
			t.Errorf("%s was changed to %q", at, got)
		}
	}
	// Those who say that records in clear are theirs get them sealed.
	lax := wrap(t, m, seal.Config{Keys: ring(t, b, a), Plaintext: true})
	if p, err := lax.Rewrite(t.Context(), false, silent); err != nil || p.Rewritten != 1 || p.Unreadable != 3 {
		t.Errorf("with plaintext: %+v, %v", p, err)
	}
	if got := string(get(t, s, path(0))); got != plain {
		t.Errorf("%s reads %q", path(0), got)
	}
}

func TestRewriteRunsOnce(t *testing.T) {
	t.Parallel()
	m := filled(t, newKey(t))
	s := wrap(t, m, seal.Config{Keys: ring(t, newKey(t))})
	_, err := s.Rewrite(t.Context(), false, func(seal.Progress) {
		if _, err := s.Rewrite(t.Context(), true, silent); !errors.Is(err, seal.ErrRunning) || !fault.Is(err, fault.Conflict) {
			t.Errorf("the second one: %v", err)
		}
	})
	if err != nil {
		t.Error(err)
	}
	if _, err := s.Rewrite(t.Context(), true, silent); err != nil {
		t.Errorf("after the first: %v", err)
	}
}
