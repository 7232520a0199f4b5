package load_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/authgate/authgate/bench/load"
)

func TestOncePresentsEachTokenOnce(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	seen := map[string]int{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		seen[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]++
		if len(seen)%3 == 0 {
			w.Header().Set("Connection", "close")
		}
	}))
	defer srv.Close()
	tokens := strings.Split("abcdefghij", "")
	if err := load.Once(t.Context(), srv.Listener.Addr().String(), tokens, 4); err != nil {
		t.Fatal(err)
	}
	for _, token := range tokens {
		if seen[token] != 1 {
			t.Errorf("token %s was presented %d times", token, seen[token])
		}
	}
}

func TestOnceFailsAtARefusal(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.Header.Get("Authorization"), "bad") {
			http.Redirect(w, r, "/login", http.StatusFound)
		}
	}))
	defer srv.Close()
	err := load.Once(t.Context(), srv.Listener.Addr().String(), []string{"a", "b", "bad", "c"}, 2)
	if err == nil || !strings.Contains(err.Error(), "answered 302") {
		t.Errorf("got %v, want a report of the 302", err)
	}
}

func TestResultFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		result load.Result
		want   string
	}{
		"clean":    {load.Result{Requests: 1}, ""},
		"refused":  {load.Result{Requests: 9, Status: 2}, "2 answers >= 400"},
		"nothing":  {load.Result{}, "no request was answered"},
		"timeouts": {load.Result{Requests: 1, Read: 1, Timeout: 3}, "1 read errors, 3 timeouts"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := c.result.Faults(); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
