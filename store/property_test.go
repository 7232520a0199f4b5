package store_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// step is one thing that happens in the property test.
type step struct {
	what    string
	replica int
	id      string
	name    string
	tags    []string
	n       int
}

func (s step) String() string {
	return fmt.Sprintf("%s %d id=%q name=%q tags=%q n=%d", s.what, s.replica, s.id, s.name, s.tags, s.n)
}

var (
	ids   = []string{"a", "b/b", "c"}
	names = []string{"x", "y"}
	tags  = []string{"t", "u:v"}
)

func drawStep(t *rapid.T) step {
	return step{
		what: rapid.SampledFrom([]string{
			"create", "create", "create", "update", "update", "update", "delete",
			"get", "get", "get", "get", "by", "by", "by", "find", "find", "find", "find",
			"hold reads", "let reads pass", "let reads pass", "release reads",
			"hold events", "deliver", "deliver", "release events", "wait", "wait",
			"cut watches", "compact", "fail reads", "heal reads", "heal reads", "fail watches", "heal watches", "heal watches", "pass",
		}).Draw(t, "what"),
		replica: rapid.IntRange(0, 1).Draw(t, "replica"),
		id:      rapid.SampledFrom(ids).Draw(t, "id"),
		name:    rapid.SampledFrom(append([]string{""}, names...)).Draw(t, "name"),
		tags:    rapid.SliceOfNDistinct(rapid.SampledFrom(tags), 0, len(tags), rapid.ID).Draw(t, "tags"),
		n:       rapid.IntRange(1, 3).Draw(t, "n"),
	}
}

func (w *world) do(s step) {
	tag := tags[s.n%len(tags)]
	switch s.what {
	case "create":
		w.create(s.replica, s.id, w.value(s.name, s.tags))
	case "update":
		w.update(s.replica, s.id, w.value(s.name, s.tags))
	case "delete":
		w.remove(s.replica, s.id)
	case "get":
		w.pending.Go(func() { w.get(s.replica, s.id, false) })
	case "by":
		w.pending.Go(func() { w.by(s.replica, names[s.n%len(names)], false) })
	case "find":
		w.pending.Go(func() { w.find(s.replica, tag, false) })
	case "hold reads":
		w.letPass()
		w.holds = append(w.holds, w.m.HoldReads())
	case "let reads pass":
		w.letPass()
	case "release reads":
		w.release()
	case "hold events":
		w.m.HoldEvents(true)
	case "deliver":
		w.m.Deliver(s.n)
	case "release events":
		w.m.HoldEvents(false)
	case "wait":
		w.wait(s.replica, false)
	case "cut watches":
		w.m.CutWatches()
	case "compact":
		w.m.Compact(w.m.Revision())
	case "fail reads":
		w.m.FailReads(errors.New("no reads"))
	case "heal reads":
		w.m.FailReads(nil)
	case "fail watches":
		w.m.FailWatches(errors.New("no watches"))
	case "heal watches":
		w.m.FailWatches(nil)
	case "pass":
		<-time.After([]time.Duration{100 * time.Millisecond, 3 * time.Second, 20 * time.Second}[s.n-1])
	}
}

// TestCoherence runs two replicas through whatever may happen to them. A read must never go back before a
// revision its replica has waited for or written, and once all is well both replicas must agree with the
// store. It is the floor that keeps a load from burying an event that overtook it: without it (shard.add)
// this test fails.
func TestCoherence(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		steps := rapid.SliceOfN(rapid.Custom(drawStep), 5, 80).Draw(rt, "steps")
		var failures []string
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t.Context())
			for _, s := range steps {
				w.do(s)
				synctest.Wait()
			}
			w.heal(ids, names, tags)
			w.close()
			failures = w.failures
		})
		if len(failures) > 0 {
			rt.Fatalf("%s", strings.Join(failures, "\n"))
		}
	})
}
