package authmethods

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestMappedTokensAreBounded: C6.
func TestMappedTokensAreBounded(t *testing.T) {
	t.Parallel()
	c := newMappedTokens(time.Now)
	defer c.close()
	token := &mappedToken{}
	for i := range 3 * mappedEntries {
		k := mapKey{binding: strconv.Itoa(i), bindingRevision: 1}
		if got, err := c.get(t.Context(), k, false, func(context.Context) (*mappedToken, error) { return token, nil }); err != nil || got != token {
			t.Fatal(err)
		}
	}
	n := 0
	for i := range c.shards {
		n += c.shards[i].entries.Len()
		if flights := len(c.shards[i].flights); flights != 0 {
			t.Errorf("%d flights left", flights)
		}
	}
	if n > mappedEntries || n < mappedEntries/2 {
		t.Errorf("%d tokens kept, at most %d wanted", n, mappedEntries)
	}
}

// TestMappedTokensAreBoundedInBytes: C6: large values push each other out, and one that is larger than others
// of its kind is not kept at all.
func TestMappedTokensAreBoundedInBytes(t *testing.T) {
	t.Parallel()
	c := newMappedTokens(time.Now)
	defer c.close()
	retrieve := func(i, size int, fill string) *mappedToken {
		t.Helper()
		load := func(context.Context) (*mappedToken, error) {
			return newMappedToken([]byte(`"` + strings.Repeat(fill, size-2) + `"`)), nil
		}
		got, err := c.get(t.Context(), mapKey{binding: strconv.Itoa(i)}, true, load)
		if err != nil || len(got.value) != size {
			t.Fatalf("%d bytes, %v", len(got.value), err)
		}
		return got
	}
	held := func() (sum, counted int) {
		for i := range c.shards {
			counted += c.shards[i].bytes
			for _, e := range c.shards[i].entries.Values() {
				sum += e.token.size()
			}
		}
		return sum, counted
	}
	for i := range 2 * mappedBytes / maxMapped {
		retrieve(i, maxMapped, "/") // each slash is three bytes where it is escaped
	}
	sum, counted := held()
	if sum != counted || sum > mappedBytes || sum < mappedBytes/2 {
		t.Errorf("%d bytes are held and %d counted, at most %d wanted", sum, counted, mappedBytes)
	}
	retrieve(-1, maxMapped+1, "t")
	if again, _ := held(); again > sum {
		t.Error("a value above the limit is kept")
	}
	for i := range c.shards { // that they go is counted too
		c.shards[i].entries.Purge()
	}
	if sum, counted = held(); sum != 0 || counted != 0 {
		t.Errorf("%d bytes are held and %d counted of nothing", sum, counted)
	}
}

// TestMappedTokensPanic: a panic over a stranger's answer is an error like others.
func TestMappedTokensPanic(t *testing.T) {
	t.Parallel()
	c := newMappedTokens(time.Now)
	defer c.close()
	for range 2 {
		_, err := c.get(t.Context(), mapKey{}, true, func(context.Context) (*mappedToken, error) { panic(errors.New("s3cr3t")) })
		if err == nil || err.Error() != "retrieving the token panicked" {
			t.Errorf("got %v", err)
		}
	}
}

// TestIdentityKey: C3: parts that join to the same text are other identities.
func TestIdentityKey(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, parts := range [][]string{{"s", "h", "x509", "a"}, {"sh", "", "x509", "a"}, {"s", "hx509", "", "a"}, {"s", "h", "x50", "9a"}, {"x509", "a"}} {
		k := identityKey(parts...)
		if seen[k] {
			t.Errorf("%q shares its key", parts)
		}
		seen[k] = true
	}
}
