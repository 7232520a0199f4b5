package authmethods

import (
	"context"
	"errors"
	"strconv"
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
		if got, err := c.get(t.Context(), k, func(context.Context) (*mappedToken, error) { return token, nil }); err != nil || got != token {
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

// TestMappedTokensPanic: a panic over a stranger's answer is an error like others.
func TestMappedTokensPanic(t *testing.T) {
	t.Parallel()
	c := newMappedTokens(time.Now)
	defer c.close()
	for range 2 {
		_, err := c.get(t.Context(), mapKey{}, func(context.Context) (*mappedToken, error) { panic(errors.New("s3cr3t")) })
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
