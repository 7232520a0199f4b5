package caddymodule

import (
	"bufio"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/authgate/authgate/store"
	"github.com/authgate/authgate/store/seal"
)

// slowStore keeps every write waiting.
type slowStore struct {
	store.Store

	pause time.Duration
}

func (s slowStore) Txn(ctx context.Context, conds []store.Cond, ops []store.Op) (int64, error) {
	select {
	case <-time.After(s.pause):
		return s.Store.Txn(ctx, conds, ops)
	case <-ctx.Done():
		return 0, errors.Join(store.ErrUnavailable, context.Cause(ctx))
	}
}

// TestReencryptOutlastsTheEndpoint: Caddy's admin endpoint ends the reading of a request after ten seconds,
// and net/http the request's context with it. That must not end a command that takes longer.
func TestReencryptOutlastsTheEndpoint(t *testing.T) {
	t.Parallel()
	const limit = 50 * time.Millisecond
	var keys [2]seal.Key
	for i := range keys {
		var err error
		if keys[i], err = seal.NewKey(); err != nil {
			t.Fatal(err)
		}
	}
	older, err := seal.NewKeyring(keys[0])
	if err != nil {
		t.Fatal(err)
	}
	both, err := seal.NewKeyring(keys[1], keys[0])
	if err != nil {
		t.Fatal(err)
	}
	m := store.NewMemory()
	t.Cleanup(func() { _ = m.Close() })
	if _, err := seal.Wrap(m, seal.Config{Prefix: "/", Keys: older}).Txn(t.Context(), nil, []store.Op{{Key: "a/r/1", Value: []byte("v")}}); err != nil {
		t.Fatal(err)
	}
	sealed := seal.Wrap(slowStore{m, 6 * limit}, seal.Config{Prefix: "/", Keys: both})
	a := &App{log: zap.NewNop(), backend: &backend{store: sealed, sealed: sealed}}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := a.reencrypt(w, r, false); err != nil {
			t.Error(err)
		}
	}))
	server.Config.ReadTimeout = limit
	server.Start()
	defer server.Close()
	resp, err := http.Post(server.URL, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	last := ""
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		last = lines.Text()
	}
	if want := `{"total":1,"current":0,"rewritten":1,"unreadable":0,"done":true}`; last != want {
		t.Errorf("the last line is %s, want %s", last, want)
	}
}

func TestReencryptRefusals(t *testing.T) {
	t.Parallel()
	key, err := seal.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	ring, err := seal.NewKeyring(key)
	if err != nil {
		t.Fatal(err)
	}
	m := store.NewMemory()
	m.FailReads(store.ErrUnavailable)
	for name, c := range map[string]struct {
		sealed *seal.Store
		status int
		want   string
	}{
		"no key":       {nil, http.StatusConflict, "encryption_key_file"},
		"no store":     {seal.Wrap(m, seal.Config{Prefix: "/", Keys: ring}), http.StatusServiceUnavailable, ""},
		"not answered": {seal.Wrap(m, seal.Config{Prefix: "/", Load: func() (*seal.Keyring, error) { return ring, nil }}), http.StatusServiceUnavailable, "not running"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := &App{log: zap.NewNop(), backend: &backend{sealed: c.sealed}}
			w := httptest.NewRecorder()
			err := a.reencrypt(w, httptest.NewRequest(http.MethodPost, "/authgate/reencrypt", nil), false)
			var refusal caddy.APIError
			if !errors.As(err, &refusal) || refusal.HTTPStatus != c.status || !strings.Contains(refusal.Error(), c.want) {
				t.Errorf("got %v, want %d with %q", err, c.status, c.want)
			}
			if w.Body.Len() > 0 {
				t.Errorf("it answered as well: %s", w.Body)
			}
		})
	}
}
