package store_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authgate/authgate/store"
)

// pair is two replicas of one store in a bubble of fake time.
type pair struct {
	*testing.T
	m    *store.Memory
	a, b *replica
}

// inBubble runs test with two replicas in sync. Whatever it holds back must be let go by its end.
func inBubble(t *testing.T, test func(*pair)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := &pair{T: t, m: store.NewMemory()}
		p.a = newReplica(t.Context(), p.m, store.FeedConfig{}, thingSchema())
		p.b = newReplica(t.Context(), p.m, store.FeedConfig{}, thingSchema())
		<-p.a.feed.Ready()
		<-p.b.feed.Ready()
		test(p)
		p.a.stop()
		p.b.stop()
		_ = p.m.Close()
	})
}

func pass(d time.Duration) { <-time.After(d) }

func (p *pair) set(r *replica, id string, v *thing) store.Item[*thing] {
	p.Helper()
	item, err := r.things.Update(p.Context(), id, func(store.Item[*thing]) (*thing, error) { return v, nil })
	if errors.Is(err, store.ErrNotFound) {
		item, err = r.things.Create(p.Context(), id, v)
	}
	if err != nil {
		p.Fatalf("writing %q: %v", id, err)
	}
	synctest.Wait()
	return item
}

func (p *pair) wantN(r *replica, id string, want int) {
	p.Helper()
	if got := r.mustGet(p.T, id).Value.N; got != want {
		p.Errorf("record %q is version %d, want %d", id, got, want)
	}
}

// async is a read on its way.
type async struct {
	done chan struct{}
	n    int
	err  error
}

func (p *pair) getAsync(ctx context.Context, r *replica, id string) *async {
	a := &async{done: make(chan struct{})}
	go func() {
		defer close(a.done)
		item, err := r.things.Get(ctx, id)
		if a.err = err; err == nil {
			a.n = item.Value.N
		}
	}()
	synctest.Wait()
	return a
}

// A load read the store before a change, and its answer arrives after the event of that change: it may be
// served to who asked before, but must not be kept.
func TestLateLoadDoesNotBuryAnEvent(t *testing.T) {
	t.Parallel()
	inBubble(t, func(p *pair) {
		p.set(p.a, "x", &thing{N: 1})
		hold := p.m.HoldReads()
		late := p.getAsync(p.Context(), p.b, "x")
		hold.LetPass()
		p.set(p.a, "x", &thing{N: 2}) // and b has its event
		hold.Release()
		<-late.done
		if late.err != nil {
			p.Errorf("the late read fails: %v", late.err)
		}
		p.wantN(p.b, "x", 2)
	})
}

// Who has waited for a revision must not join a load begun before.
func TestLoadBegunBeforeAnEventIsNotJoined(t *testing.T) {
	t.Parallel()
	inBubble(t, func(p *pair) {
		p.set(p.a, "x", &thing{N: 1})
		hold := p.m.HoldReads()
		late := p.getAsync(p.Context(), p.b, "x")
		hold.LetPass()
		item := p.set(p.a, "x", &thing{N: 2})
		if err := p.b.feed.Wait(p.Context(), item.Revision); err != nil {
			p.Fatalf("Wait: %v", err)
		}
		p.wantN(p.b, "x", 2)
		hold.Release()
		<-late.done
		p.wantN(p.b, "x", 2)
	})
}

// A resync makes the feed catch up without events: loads begun before it are not joined either.
func TestLoadBegunBeforeAResyncIsNotJoined(t *testing.T) {
	t.Parallel()
	inBubble(t, func(p *pair) {
		p.set(p.a, "x", &thing{N: 1})
		hold := p.m.HoldReads()
		late := p.getAsync(p.Context(), p.b, "x")
		hold.LetPass()
		p.m.CutWatches()
		synctest.Wait()
		p.set(p.a, "x", &thing{N: 2})
		item := p.set(p.a, "y", &thing{}) // the new watch begins with this one's event
		pass(time.Second)
		if err := p.b.feed.Wait(p.Context(), item.Revision); err != nil {
			p.Fatalf("Wait: %v", err)
		}
		p.wantN(p.b, "x", 2)
		hold.Release()
		<-late.done
		p.wantN(p.b, "x", 2)
	})
}

// The store is restored from a backup and counts anew: a load of before must not be kept, though its
// revision is high enough.
func TestLoadOfBeforeARestoreIsNotKept(t *testing.T) {
	t.Parallel()
	inBubble(t, func(p *pair) {
		old := p.set(p.a, "x", &thing{N: 1})
		for range 10 {
			p.set(p.a, "x", &thing{N: 2})
		}
		hold := p.m.HoldReads()
		late := p.getAsync(p.Context(), p.b, "x")
		hold.LetPass()
		p.m.Restore(old.Revision)
		pass(time.Second)
		hold.Release()
		<-late.done
		p.wantN(p.b, "x", 1)
		p.wantN(p.a, "x", 1)
		p.set(p.a, "x", &thing{N: 3})
		p.wantN(p.b, "x", 3)
	})
}

// Of two loads the one that read the store later stays, in whatever order they arrive.
func TestOlderLoadDoesNotReplaceNewer(t *testing.T) {
	t.Parallel()
	inBubble(t, func(p *pair) {
		put := func(n int) {
			record := fmt.Sprintf("{\"v\":1}\n{\"n\":%d}", n)
			if _, err := p.m.Txn(p.Context(), nil, []store.Op{{Key: "things/r/x", Value: []byte(record)}}); err != nil {
				p.Fatal(err)
			}
			synctest.Wait()
		}
		p.m.HoldEvents(true)
		put(1)
		hold := p.m.HoldReads()
		late := p.getAsync(p.Context(), p.b, "x")
		hold.LetPass()
		p.m.Deliver(1) // has b forget the load, though it read what the event tells
		synctest.Wait()
		put(2)
		p.wantN(p.b, "x", 2)
		hold.Release()
		<-late.done
		p.wantN(p.b, "x", 2)
	})
}

// The value a record is found by moves from one record to another in one transaction. A replica that has
// the index entry of before and the records of after, or the other way round, must not answer with
// neither, nor with a record that does not hold the value.
func TestFindSeesNoStateThatNeverWas(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		evict func(*pair, *replica)
	}{
		{"old entry, new record", func(p *pair, r *replica) { r.mustGet(p.T, "z") }},
		{"new entry, old record", func(p *pair, r *replica) {
			r.mustGet(p.T, "y")
			_, _ = r.things.Find(p.Context(), "tag", "none")
			_, _ = r.things.Find(p.Context(), "tag", "z")
			r.mustGet(p.T, "y")
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(p *pair) {
				x := p.set(p.a, "x", &thing{Name: "n", Tags: []string{"t"}})
				y := p.set(p.a, "y", &thing{})
				p.set(p.a, "z", &thing{Tags: []string{"z"}})
				schema := thingSchema()
				schema.Entries = 1 // one record and one index entry in memory
				for _, find := range []func(*replica) (string, error){
					func(r *replica) (string, error) {
						items, err := r.things.Find(p.Context(), "tag", "t")
						return fmt.Sprint(idsOf(items)), err
					},
					func(r *replica) (string, error) {
						item, err := r.things.By(p.Context(), "name", "n")
						return "[" + item.ID + "]", err
					},
				} {
					c := newReplica(p.Context(), p.m, store.FeedConfig{}, schema)
					<-c.feed.Ready()
					if got, err := find(c); got != fmt.Sprintf("[%s]", x.ID) {
						p.Fatalf("before: %s, %v", got, err)
					}
					tt.evict(p, c)
					p.m.HoldEvents(true)
					tx := store.NewTx()
					p.a.things.UpdateIn(tx, x, &thing{})
					p.a.things.UpdateIn(tx, y, &thing{Name: "n", Tags: []string{"t"}})
					if _, err := store.Commit(p.Context(), p.m, p.a.feed, tx); err != nil {
						p.Fatalf("Commit: %v", err)
					}
					for range 2 {
						if got, err := find(c); got != fmt.Sprintf("[%s]", y.ID) {
							p.Errorf("after: %s, %v; want [%s]", got, err, y.ID)
						}
					}
					p.m.HoldEvents(false)
					synctest.Wait()
					c.stop()
					x, y = p.a.mustGet(p.T, y.ID), p.a.mustGet(p.T, x.ID)
				}
			})
		})
	}
}

func idsOf(items []store.Item[*thing]) []string {
	ids := make([]string, 0, len(items))
	for _, i := range items {
		ids = append(ids, i.ID)
	}
	return ids
}

// C8: the caller who began a shared load leaves; the others still get it.
func TestC8_FirstCallerLeaves(t *testing.T) {
	t.Parallel()
	inBubble(t, func(p *pair) {
		p.set(p.a, "x", &thing{N: 1})
		reads := p.m.Reads()
		hold := p.m.HoldReads()
		ctx, cancel := context.WithCancel(p.Context())
		first := p.getAsync(ctx, p.b, "x")
		others := make([]*async, 5)
		for i := range others {
			others[i] = p.getAsync(p.Context(), p.b, "x")
		}
		cancel()
		<-first.done
		if !errors.Is(first.err, store.ErrUnavailable) || !errors.Is(first.err, context.Canceled) {
			p.Errorf("the caller who left got %v", first.err)
		}
		hold.Release()
		for _, o := range others {
			if <-o.done; o.err != nil || o.n != 1 {
				p.Errorf("another caller got version %d, %v", o.n, o.err)
			}
		}
		if n := p.m.Reads() - reads; n != 1 {
			p.Errorf("%d reads of the store for one key at one time, want 1", n)
		}
	})
}

// C6: a million guesses leave the records in memory where they are.
func TestC6_GuessesPushOutGuessesOnly(t *testing.T) {
	t.Parallel()
	m := memory(t)
	schema := thingSchema()
	schema.Entries = 64
	r := newReplica(t.Context(), m, store.FeedConfig{}, schema)
	t.Cleanup(r.stop)
	<-r.feed.Ready()
	r.mustCreate(t, "real", &thing{Name: "name"})
	r.mustGet(t, "real")
	for i := range 20_000 {
		if _, err := r.things.Get(t.Context(), fmt.Sprint("guess-", i)); !errors.Is(err, store.ErrNotFound) {
			t.Fatalf("guess %d: %v", i, err)
		}
	}
	reads := m.Reads()
	r.mustGet(t, "real")
	if m.Reads() != reads {
		t.Error("the guesses have pushed a record out of memory")
	}
	if s := r.things.Stats(); s.Absent > 1024 {
		t.Errorf("%d guesses are remembered, want a bounded few", s.Absent)
	}
	_, _ = r.things.Get(t.Context(), "guess-19999")
	if m.Reads() != reads || r.things.Stats().NegativeHits == 0 {
		t.Error("a guess made a moment ago goes to the store again")
	}
}

// C9: what one replica changes, the other's next read after the event sees, however the record is read.
func TestC9_OtherReplicaSeesTheChange(t *testing.T) {
	t.Parallel()
	inBubble(t, func(p *pair) {
		p.set(p.a, "x", &thing{Name: "n", Tags: []string{"t"}, N: 1})
		look := func() string {
			_, err := p.b.things.Get(p.Context(), "x")
			_, byErr := p.b.things.By(p.Context(), "name", "n")
			items, findErr := p.b.things.Find(p.Context(), "tag", "t")
			return fmt.Sprint(errors.Is(err, store.ErrNotFound), errors.Is(byErr, store.ErrNotFound), len(items), findErr)
		}
		if got, want := look(), "false false 1 <nil>"; got != want {
			p.Fatalf("before: %s, want %s", got, want)
		}
		if err := p.a.things.Delete(p.Context(), "x", 0); err != nil {
			p.Fatal(err)
		}
		synctest.Wait()
		if got, want := look(), "true true 0 <nil>"; got != want {
			p.Errorf("after the deletion: %s, want %s", got, want)
		}
		p.set(p.a, "x", &thing{Name: "n", Tags: []string{"t"}})
		if got, want := look(), "false false 1 <nil>"; got != want {
			p.Errorf("after the new creation: %s, want %s", got, want)
		}
	})
}
