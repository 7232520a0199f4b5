package store_test

import (
	"fmt"
	"testing"

	"github.com/authgate/authgate/store"
)

// warm returns a replica with a thousand records in memory.
func warm(b *testing.B) *replica {
	b.Helper()
	m := store.NewMemory()
	r := newReplica(b.Context(), m, store.FeedConfig{}, thingSchema())
	b.Cleanup(func() { r.stop(); _ = m.Close() })
	<-r.feed.Ready()
	for i := range 1000 {
		v := &thing{Name: fmt.Sprint("name-", i), Tags: []string{fmt.Sprint("tag-", i/4)}}
		if _, err := r.things.Create(b.Context(), fmt.Sprint("id-", i), v); err != nil {
			b.Fatal(err)
		}
	}
	return r
}

func BenchmarkGet(b *testing.B) {
	r := warm(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.things.Get(b.Context(), "id-7"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGetParallel(b *testing.B) {
	r := warm(b)
	ids := make([]string, 1000)
	for i := range ids {
		ids[i] = fmt.Sprint("id-", i)
	}
	ctx := b.Context()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			if _, err := r.things.Get(ctx, ids[i%len(ids)]); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func BenchmarkGetAbsent(b *testing.B) {
	r := warm(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.things.Get(b.Context(), "none"); err == nil {
			b.Fatal("found")
		}
	}
}

func BenchmarkBy(b *testing.B) {
	r := warm(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.things.By(b.Context(), "name", "name-7"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFind(b *testing.B) {
	r := warm(b)
	b.ReportAllocs()
	for b.Loop() {
		if items, err := r.things.Find(b.Context(), "tag", "tag-7"); err != nil || len(items) != 4 {
			b.Fatal(items, err)
		}
	}
}
