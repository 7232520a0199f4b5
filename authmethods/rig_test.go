package authmethods_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/authgate/authgate/authmethods"
	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/internal/secret"
	"github.com/authgate/authgate/store"
)

// rig is a Service over a store in memory, with its feed running.
type rig struct {
	t    testing.TB
	ctx  context.Context
	mem  *store.Memory
	feed *store.Feed
	rec  *authmethods.Records
	svc  *authmethods.Service
}

func newRig(t testing.TB, decl authmethods.Declared) *rig {
	t.Helper()
	mem := store.NewMemory()
	rig := newRigOn(t, mem, decl)
	rig.mem = mem
	return rig
}

// newRigOn makes the rig work on s, which it closes.
func newRigOn(t testing.TB, s store.Store, decl authmethods.Declared) *rig {
	t.Helper()
	feed := store.NewFeed(s, store.FeedConfig{})
	r := &rig{t: t, ctx: t.Context(), feed: feed, rec: authmethods.NewRecords(s, feed, 100)}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = feed.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		_ = s.Close()
	})
	<-feed.Ready()
	r.svc = r.configure(decl)
	return r
}

// configure is another configuration over the same records.
func (r *rig) configure(decl authmethods.Declared) *authmethods.Service {
	r.t.Helper()
	return r.configureWith(decl, authmethods.Deps{Now: time.Now})
}

func (r *rig) configureWith(decl authmethods.Declared, deps authmethods.Deps) *authmethods.Service {
	r.t.Helper()
	svc, err := authmethods.New(r.rec, decl, deps)
	if err != nil {
		r.t.Fatalf("New: %v", err)
	}
	r.t.Cleanup(svc.Close)
	return svc
}

func (r *rig) serviceType(name, kind string, hosts ...string) *authmethods.ServiceType {
	r.t.Helper()
	item, err := r.svc.CreateServiceType(r.ctx, serviceType(name, kind, hosts...))
	if err != nil {
		r.t.Fatalf("creating service type %s: %v", name, err)
	}
	return item.Value
}

func serviceType(name, kind string, hosts ...string) authmethods.ServiceType {
	return authmethods.ServiceType{Name: name, Hosts: hosts, AuthTypes: []string{"x509"}, AuthMethod: kind, Type: "custom"}
}

func (r *rig) apiKey(service, host string, port int, key string) *authmethods.Method {
	r.t.Helper()
	return r.method(service, authmethods.Method{Host: host, Port: port, AccessKey: secret.New(key)})
}

func (r *rig) headers(service, host string, port int, headers map[string]string) *authmethods.Method {
	r.t.Helper()
	return r.method(service, authmethods.Method{Host: host, Port: port, Headers: secrets(headers)})
}

func (r *rig) method(service string, m authmethods.Method) *authmethods.Method {
	r.t.Helper()
	item, err := r.svc.CreateMethod(r.ctx, service, m)
	if err != nil {
		r.t.Fatalf("creating auth method of %s in %s: %v", m.Host, service, err)
	}
	return item.Value
}

func secrets(m map[string]string) map[string]secret.String {
	out := make(map[string]secret.String, len(m))
	for k, v := range m {
		out[k] = secret.New(v)
	}
	return out
}

// corrupt replaces what the record of the given collection and id holds.
func (r *rig) corrupt(collection, id, data string) {
	r.t.Helper()
	key := collection + "/r/" + id
	kv, _, err := r.mem.Get(r.ctx, key)
	if err != nil || kv.Revision == 0 {
		r.t.Fatalf("record %s: revision %d, %v", key, kv.Revision, err)
	}
	header, _, _ := bytes.Cut(kv.Value, []byte{'\n'})
	value := append(append(bytes.Clone(header), '\n'), data...)
	revision, err := r.mem.Txn(r.ctx, nil, []store.Op{{Key: key, Value: value}})
	if err != nil {
		r.t.Fatal(err)
	}
	if err := r.feed.Wait(r.ctx, revision); err != nil {
		r.t.Fatal(err)
	}
}

// outgoing is a transport's clone of a proxied request.
func outgoing(target string, headers ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, target, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header[headers[i]] = append(r.Header[headers[i]], headers[i+1])
	}
	return r
}

func targetOf(t *testing.T, r *http.Request) authmethods.Target {
	t.Helper()
	u, err := url.Parse(r.URL.String())
	if err != nil {
		t.Fatal(err)
	}
	return authmethods.Target{Scheme: u.Scheme, Host: u.Hostname(), Port: port(u)}
}

func port(u *url.URL) int {
	n := 0
	for _, c := range u.Port() {
		n = 10*n + int(c-'0')
	}
	return n
}

// wantKind fails the test unless err is of the kind; a text that holds a secret fails it too.
func wantKind(t *testing.T, err error, kind fault.Kind, hidden ...string) {
	t.Helper()
	if err == nil || !fault.Is(err, kind) {
		t.Fatalf("got error %v (kind %v), want kind %v", err, fault.KindOf(err), kind)
	}
	for _, s := range hidden {
		if strings.Contains(err.Error(), s) {
			t.Errorf("error text %q holds %q", err, s)
		}
	}
}

func wantText(t *testing.T, err error, text string) {
	t.Helper()
	var f *fault.Error
	if !errors.As(err, &f) || f.Err.Error() != text {
		t.Fatalf("got error %v, want text %q", err, text)
	}
}
