package etcdembed_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/authgate/authgate/store"
	"github.com/authgate/authgate/store/etcdembed"
)

// The quota is used up: writes are refused as an outage, reads and deletions go on, and maintenance makes
// room: first from history, then from what has been deleted.
func TestQuota(t *testing.T) {
	t.Parallel()
	s := start(t, etcdembed.Config{Dir: t.TempDir(), QuotaBytes: 16 << 20})
	st := s.Store("/authgate/")
	big := strings.Repeat("x", 1<<20)
	fill := func(key func(int) string) {
		t.Helper()
		for n := range 100 {
			_, err := st.Txn(t.Context(), nil, []store.Op{{Key: key(n), Value: []byte(big)}})
			if err == nil {
				continue
			}
			if !errors.Is(err, store.ErrUnavailable) {
				t.Fatalf("write %d: %v", n, err)
			}
			return
		}
		t.Fatal("the quota does not bind")
	}
	fill(func(int) string { return "x" }) // history
	want(t, st, "x", big)
	if _, err := st.Txn(t.Context(), nil, []store.Op{{Key: "small"}}); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a small write: %v", err)
	}
	maintain(t, s)
	put(t, st, "small", "1")

	records := 0
	for err := error(nil); err == nil; { // until maintenance finds no room any more
		fill(func(int) string { records++; return fmt.Sprint("k-", records) })
		maintain(t, s)
		if _, err = st.Txn(t.Context(), nil, []store.Op{{Key: "small"}}); err != nil && !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("a write while records fill the store: %v", err)
		}
	}
	for n := range records {
		if _, err := st.Txn(t.Context(), nil, []store.Op{{Key: fmt.Sprint("k-", n), Delete: true}}); err != nil {
			t.Fatalf("deleting: %v", err)
		}
	}
	maintain(t, s)
	put(t, st, "small", "2")
	want(t, st, "small", "2")
	want(t, st, "x", big)
}

// Free space is given back when there is enough of it.
func TestDefragmentation(t *testing.T) {
	t.Parallel()
	s := start(t, etcdembed.Config{Dir: t.TempDir()})
	st := s.Store("/authgate/")
	for range 12 {
		put(t, st, "x", strings.Repeat("x", 1<<20))
	}
	client, err := s.Client(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	kv, revision, err := st.Get(t.Context(), "x")
	if err != nil || kv.Revision == 0 {
		t.Fatal(err)
	}
	if _, err := client.Compact(t.Context(), revision); err != nil {
		t.Fatal(err)
	}
	size := func() int64 {
		status, err := client.Status(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		return status.DbSize
	}
	before := size()
	maintain(t, s) // 64 MiB are not to be had
	if size() != before {
		t.Errorf("defragmented for little: %d, was %d", size(), before)
	}
	// Compaction removes revisions in the background.
	for n := 0; size() > before/2; n++ {
		if n == 1000 {
			t.Fatalf("the file has %d bytes, had %d", size(), before)
		}
		if err := s.Maintain(t.Context(), 4<<20); err != nil {
			t.Fatal(err)
		}
		put(t, st, "other", fmt.Sprint(n))
	}
	want(t, st, "x", strings.Repeat("x", 1<<20))
}

func maintain(t *testing.T, s *etcdembed.Server) {
	t.Helper()
	if err := s.Maintain(t.Context(), 64<<20); err != nil {
		t.Fatalf("maintenance: %v", err)
	}
}
