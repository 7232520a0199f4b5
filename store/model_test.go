package store_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/authgate/authgate/store"
)

// state is all records at one revision.
type state map[string]thing

func (s state) named(name string) []string {
	return s.ids(func(v thing) bool { return v.Name == name })
}

func (s state) tagged(tag string) []string {
	return s.ids(func(v thing) bool { return slices.Contains(v.Tags, tag) })
}

func (s state) ids(match func(thing) bool) []string {
	ids := []string{}
	for id, v := range s {
		if match(v) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// world is a store, two replicas, and what is known of them from outside.
type world struct {
	ctx      context.Context
	m        *store.Memory
	replicas [2]*replica
	holds    []*store.ReadHold
	pending  sync.WaitGroup
	n        int

	mu       sync.Mutex
	history  map[int64]state     // by revision; those without a change of ours are missing
	awaited  [2]int64            // what each replica has waited for
	wrote    [2]map[string]int64 // what each replica has written, by record and indexed value
	failures []string
}

func newWorld(ctx context.Context) *world {
	w := &world{ctx: ctx, m: store.NewMemory(), history: map[int64]state{1: {}}}
	schema := thingSchema()
	schema.Entries = 2 // entries push each other out
	for i := range w.replicas {
		w.wrote[i] = make(map[string]int64)
		w.replicas[i] = newReplica(ctx, w.m, store.FeedConfig{}, schema)
	}
	return w
}

func (w *world) failf(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failures = append(w.failures, fmt.Sprintf(format, args...))
}

// now is the last known state and its revision.
func (w *world) now() (state, int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	last := slices.Max(slices.Collect(maps.Keys(w.history)))
	return w.history[last], last
}

// existed reports whether a state that matches was the store's at some revision from the first on.
func (w *world) existed(first int64, match func(state) bool) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	revisions := slices.Sorted(maps.Keys(w.history))
	for i, rev := range revisions {
		replaced := i+1 < len(revisions) && revisions[i+1] <= first
		if !replaced && match(w.history[rev]) {
			return true
		}
	}
	return false
}

// floor is the revision no read of r about the given key may go back before.
func (w *world) floor(r int, key string) int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return max(w.awaited[r], w.wrote[r][key])
}

// record notes that r has changed a record at revision.
func (w *world) record(r int, revision int64, id string, v *thing) {
	old, _ := w.now()
	next := maps.Clone(old)
	touched := []string{"id " + id}
	if was, ok := old[id]; ok {
		touched = append(touched, keysOf(was)...)
	}
	delete(next, id)
	if v != nil {
		next[id] = *v
		touched = append(touched, keysOf(*v)...)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.history[revision] = next
	for _, key := range touched {
		w.wrote[r][key] = revision
	}
}

func keysOf(v thing) []string {
	keys := []string{"name " + v.Name}
	for _, tag := range v.Tags {
		keys = append(keys, "tag "+tag)
	}
	return keys
}

func (w *world) value(name string, tags []string) *thing {
	w.n++
	return &thing{Name: name, Tags: tags, N: w.n}
}

// create, update and remove judge the answer by the state, which only they change.
func (w *world) create(r int, id string, v *thing) {
	old, _ := w.now()
	_, taken := old[id]
	rival := v.Name != "" && len(old.named(v.Name)) > 0
	item, err := w.replicas[r].things.Create(w.ctx, id, v)
	var unique *store.UniqueError
	switch {
	case err == nil && !taken && !rival:
		w.record(r, item.Revision, id, v)
	case errors.As(err, &unique) && rival && !taken, errors.Is(err, store.ErrExists) && taken:
	case errors.Is(err, store.ErrUnavailable):
	default:
		w.failf("create %q %v in %v: %v", id, v, old, err)
	}
}

func (w *world) update(r int, id string, v *thing) {
	old, _ := w.now()
	_, present := old[id]
	rival := v.Name != "" && slices.ContainsFunc(old.named(v.Name), func(other string) bool { return other != id })
	item, err := w.replicas[r].things.Update(w.ctx, id, func(i store.Item[*thing]) (*thing, error) {
		if was := old[id]; i.Value.N != was.N {
			w.failf("update of %q starts from %v, want %v", id, i.Value, was)
		}
		return v, nil
	})
	var unique *store.UniqueError
	switch {
	case err == nil && present && !rival:
		w.record(r, item.Revision, id, v)
	case errors.As(err, &unique) && rival, errors.Is(err, store.ErrNotFound) && !present:
	case errors.Is(err, store.ErrUnavailable):
	default:
		w.failf("update %q %v in %v: %v", id, v, old, err)
	}
}

func (w *world) remove(r int, id string) {
	old, _ := w.now()
	_, present := old[id]
	err := w.replicas[r].things.Delete(w.ctx, id, 0)
	switch {
	case err == nil && present:
		w.record(r, w.m.Revision(), id, nil)
	case errors.Is(err, store.ErrNotFound) && !present:
	case errors.Is(err, store.ErrUnavailable):
	default:
		w.failf("delete %q in %v: %v", id, old, err)
	}
}

// get, by and find check that what a replica says was true once, and not too long ago. In strict mode it
// must be true now and the replica must know.
func (w *world) get(r int, id string, strict bool) {
	since := w.since(r, "id "+id, strict)
	item, err := w.replicas[r].things.Get(w.ctx, id)
	got := fmt.Sprint(item.Value)
	if errors.Is(err, store.ErrNotFound) {
		got, err = "none", nil
	}
	w.judge(fmt.Sprintf("replica %d get %q", r, id), since, strict, got, err, func(s state) string {
		if v, ok := s[id]; ok {
			return v.String()
		}
		return "none"
	})
}

func (w *world) by(r int, name string, strict bool) {
	since := w.since(r, "name "+name, strict)
	item, err := w.replicas[r].things.By(w.ctx, "name", name)
	ids := []string{item.ID}
	if errors.Is(err, store.ErrNotFound) {
		ids, err = []string{}, nil
	}
	w.judge(fmt.Sprintf("replica %d by name %q", r, name), since, strict, fmt.Sprint(ids), err,
		func(s state) string { return fmt.Sprint(s.named(name)) })
}

func (w *world) find(r int, tag string, strict bool) {
	since := w.since(r, "tag "+tag, strict)
	items, err := w.replicas[r].things.Find(w.ctx, "tag", tag)
	ids := make([]string, 0, len(items))
	for _, i := range items {
		ids = append(ids, i.ID)
		if i.Err == nil && !slices.Contains(i.Value.Tags, tag) {
			w.failf("replica %d find %q: %v does not have it", r, tag, i.Value)
		}
	}
	slices.Sort(ids)
	w.judge(fmt.Sprintf("replica %d find tag %q", r, tag), since, strict, fmt.Sprint(ids), err,
		func(s state) string { return fmt.Sprint(s.tagged(tag)) })
}

func (w *world) since(r int, key string, strict bool) int64 {
	if strict {
		_, now := w.now()
		return now
	}
	return w.floor(r, key)
}

func (w *world) judge(what string, since int64, strict bool, got string, err error, want func(state) string) {
	if err != nil {
		if strict || !errors.Is(err, store.ErrUnavailable) {
			w.failf("%s: %v", what, err)
		}
		return
	}
	if !w.existed(since, func(s state) bool { return want(s) == got }) {
		now, revision := w.now()
		w.failf("%s = %s, which was not so at any time since revision %d; at %d it is %v", what, got, since, revision, now)
	}
}

// wait has a replica catch up with the store.
func (w *world) wait(r int, strict bool) {
	revision := w.m.Revision()
	err := w.replicas[r].feed.Wait(w.ctx, revision)
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case err == nil:
		w.awaited[r] = max(w.awaited[r], revision)
	case strict || !errors.Is(err, store.ErrUnavailable):
		w.failures = append(w.failures, fmt.Sprintf("replica %d waiting for %d: %v", r, revision, err))
	}
}

// heal ends all disturbances, lets everything settle and compares both replicas with the store.
func (w *world) heal(ids, names, tags []string) {
	w.release()
	w.m.HoldEvents(false)
	w.m.FailReads(nil)
	w.m.FailWatches(nil)
	<-time.After(time.Minute)
	w.pending.Wait()
	for r := range w.replicas {
		w.wait(r, true)
		for range 2 { // from the store, then from memory
			for _, id := range ids {
				w.get(r, id, true)
			}
			for _, name := range names {
				w.by(r, name, true)
			}
			for _, tag := range tags {
				w.find(r, tag, true)
			}
		}
	}
}

func (w *world) release() {
	for _, h := range w.holds {
		h.Release()
	}
	w.holds = nil
}

// letPass keeps the reads on their way back, but no further ones.
func (w *world) letPass() {
	for _, h := range w.holds {
		h.LetPass()
	}
}

func (w *world) close() {
	for _, r := range w.replicas {
		r.stop()
	}
	_ = w.m.Close()
	w.pending.Wait()
}
