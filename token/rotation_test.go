package token_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/authgate/authgate/store"
	"github.com/authgate/authgate/store/etcdembed"
	"github.com/authgate/authgate/token"
)

const rotations = 20

// TestRotation mints and verifies on two replicas without a pause, through twenty rotations: no token is
// refused while it lives, on either of them.
func TestRotation(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(*testing.T) store.Store{
		"memory": func(t *testing.T) store.Store { return memory(t) },
		"etcd":   etcd,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, c := open(t), newClock()
			replicas := []*token.Keys{replica(t, s, c), replica(t, s, c)}
			mint(t, replicas[0], c)

			stop := make(chan struct{})
			var minted atomic.Int64
			var workers sync.WaitGroup
			alive := make([][]string, len(replicas))
			for i, k := range replicas {
				workers.Go(func() {
					for {
						select {
						case <-stop:
							return
						default:
						}
						raw, err := k.Mint(t.Context(), token.Claims{Expiry: c.now().Add(time.Hour)})
						if err != nil {
							t.Errorf("replica %d: %v", i, err)
							return
						}
						alive[i] = append(alive[i], raw.Reveal())
						minted.Add(1)
						for j, other := range replicas {
							if _, err := other.Verify(t.Context(), raw.Reveal()); err != nil {
								t.Errorf("replica %d refuses a token of replica %d: %v", j, i, err)
								return
							}
						}
					}
				})
			}
			for n := range rotations {
				if _, err := replicas[n%2].Rotate(t.Context()); err != nil {
					t.Fatal(err)
				}
				for range 4 { // the new key takes over at the third
					await(t, &minted, 10)
					c.advance(20 * time.Second)
				}
			}
			close(stop)
			workers.Wait()

			signed := map[string]bool{}
			for _, raws := range alive {
				for _, raw := range raws {
					signed[kidOf(t, raw)] = true
					for i, k := range replicas {
						if _, err := k.Verify(t.Context(), raw); err != nil {
							t.Fatalf("replica %d refuses a living token: %v", i, err)
						}
					}
				}
			}
			if len(signed) != rotations+1 {
				t.Errorf("%d keys have signed, want %d", len(signed), rotations+1)
			}
			t.Logf("%d tokens, none refused", minted.Load())

			c.advance(26 * time.Hour)
			if err := replicas[1].Maintain(t.Context()); err != nil {
				t.Fatal(err)
			}
			if keys := list(t, replicas[1]); len(keys) != 1 || keys[0].State != token.StateActive {
				t.Errorf("kept %+v", keys)
			}
		})
	}
}

// await returns once n more have been counted.
func await(t *testing.T, counter *atomic.Int64, n int64) {
	t.Helper()
	start, limit := counter.Load(), time.After(30*time.Second)
	for counter.Load() < start+n && !t.Failed() {
		select {
		case <-time.After(time.Millisecond):
		case <-limit:
			t.Fatal("nothing goes on")
		}
	}
}

func etcd(t *testing.T) store.Store {
	t.Helper()
	server, err := etcdembed.Start(etcdembed.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return server.Store("/authgate/")
}

func kidOf(t *testing.T, raw string) string {
	t.Helper()
	head, err := base64.RawURLEncoding.DecodeString(raw[:strings.IndexByte(raw, '.')])
	var h struct{ Kid string }
	if err == nil {
		err = json.Unmarshal(head, &h)
	}
	if err != nil {
		t.Fatal(err)
	}
	return h.Kid
}
