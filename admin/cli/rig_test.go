package cli_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/authgate/authgate/admin"
	"github.com/authgate/authgate/admin/audit"
	"github.com/authgate/authgate/admin/cli"
	"github.com/authgate/authgate/authmethods"
	"github.com/authgate/authgate/authn"
	"github.com/authgate/authgate/internal/secret"
	"github.com/authgate/authgate/store"
)

const adminKey = "the-admin-key-0123456789abcdef"

// gateway is the management API over a store in memory.
type gateway struct {
	t    *testing.T
	url  string
	mem  *store.Memory
	mu   sync.Mutex
	seen []string              // method and target of each request, in order
	wait func(r *http.Request) // called with each request before it is served; nil for none
}

// clock begins at a noon and goes on by a moment each time it is asked.
type clock struct{ asked atomic.Int64 }

func (c *clock) now() time.Time {
	return time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC).Add(time.Duration(c.asked.Add(1)) * time.Microsecond)
}

func newGateway(t *testing.T, decl authmethods.Declared, change ...func(*admin.Deps)) *gateway {
	t.Helper()
	now := new(clock).now
	mem := store.NewMemory()
	feed := store.NewFeed(mem, store.FeedConfig{})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = feed.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		_ = mem.Close()
	})
	<-feed.Ready()
	svc, err := authmethods.New(authmethods.NewRecords(mem, feed, 100), decl, authmethods.Deps{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(svc.Close)
	certs, err := authn.NewClientCerts(authn.ClientCertConfig{}, authn.ClientCertDeps{Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(certs.Close)
	deps := admin.Deps{
		AuthMethods: svc, ClientCerts: certs, AdminKey: secret.New(adminKey), Logger: zap.NewNop(), Now: now,
		Ready: func(context.Context) error { return nil }, Audit: audit.New(mem, zap.NewNop(), now),
	}
	for _, f := range change {
		f(&deps)
	}
	h, err := admin.New(deps)
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway{t: t, mem: mem}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.mu.Lock()
		g.seen = append(g.seen, r.Method+" "+r.RequestURI)
		wait := g.wait
		g.mu.Unlock()
		if wait != nil {
			wait(r)
		}
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	g.url = srv.URL
	return g
}

// writes counts the requests so far that could change something.
func (g *gateway) writes() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := 0
	for _, line := range g.seen {
		if !strings.HasPrefix(line, "GET ") {
			n++
		}
	}
	return n
}

// spoil makes stored records unreadable: those whose keys begin so, and whose values hold the text.
func (g *gateway) spoil(prefix, text string) {
	g.t.Helper()
	kvs, _, err := g.mem.List(g.t.Context(), prefix)
	if err != nil {
		g.t.Fatal(err)
	}
	var ops []store.Op
	for _, kv := range kvs {
		if strings.Contains(string(kv.Value), text) {
			ops = append(ops, store.Op{Key: kv.Key, Value: []byte("no record")})
		}
	}
	if _, err := g.mem.Txn(g.t.Context(), nil, ops); err != nil || len(ops) == 0 {
		g.t.Fatal(len(ops), err)
	}
}

// shell types commands. Its zero value reaches nothing.
type shell struct {
	env      map[string]string
	stdin    io.Reader
	terminal bool // whether all streams are one
}

func (g *gateway) shell() shell {
	return shell{env: map[string]string{"AUTHGATE_ADMIN_URL": g.url, "AUTHGATE_ADMIN_KEY": adminKey}}
}

func (s shell) with(stdin string) shell {
	s.stdin = strings.NewReader(stdin)
	return s
}

// outcome is what a command left behind.
type outcome struct {
	out, err string
	status   int
}

type exitStatus int

func (e exitStatus) Error() string { return fmt.Sprint(int(e)) }

// run is `authgate admin args`.
func (s shell) run(t *testing.T, args ...string) outcome {
	t.Helper()
	root := &cobra.Command{Use: "authgate", SilenceUsage: true}
	cmd := new(cobra.Command)
	cli.Configure(cmd, cli.Config{
		Getenv:   func(name string) string { return s.env[name] },
		Exit:     func(status int) error { return exitStatus(status) },
		Terminal: func(any) bool { return s.terminal },
	})
	root.AddCommand(cmd)
	var stdout, stderr bytes.Buffer
	root.SetOut(&stdout)
	root.SetErr(&stderr)
	root.SetIn(strings.NewReader(""))
	if s.stdin != nil {
		root.SetIn(s.stdin)
	}
	root.SetArgs(append([]string{"admin"}, args...))
	err := root.ExecuteContext(t.Context())
	o := outcome{out: stdout.String(), err: stderr.String()}
	if code, ok := err.(exitStatus); ok {
		o.status = int(code)
	} else if err != nil {
		o.status = 1
	}
	return o
}

// ok runs a command that has to succeed and returns what it printed.
func (s shell) ok(t *testing.T, args ...string) string {
	t.Helper()
	o := s.run(t, args...)
	if o.status != 0 {
		t.Fatalf("admin %q: status %d: %s", args, o.status, o.err)
	}
	return o.out
}

// fails runs a command that has to end with a status and say something on stderr.
func (s shell) fails(t *testing.T, status int, text string, args ...string) outcome {
	t.Helper()
	o := s.run(t, args...)
	if o.status != status || !strings.Contains(o.err, text) {
		t.Errorf("admin %q: status %d, stderr %q; want status %d and %q", args, o.status, o.err, status, text)
	}
	return o
}

// file writes a file and returns its path.
func file(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// The secrets of the fixture: none may ever be printed without being asked for.
const (
	reportsKey  = "sk-reports-6fd1c0"
	billingUser = "billing-user-9e1b"
	billingKey  = "billing-token-77aa"
)

// fixture has two service types, their credentials, and two bindings.
func fixture(t *testing.T) *gateway {
	t.Helper()
	g := newGateway(t, authmethods.Declared{})
	g.fill(t)
	return g
}

func (g *gateway) fill(t *testing.T) {
	t.Helper()
	s := g.shell()
	s.ok(t, "authm", "types", "create", "reports", "--host", "api.internal,b.internal", "--auth-method", "api-key", "--auth-type", "x509,oidc", "--type", "ams")
	s.ok(t, "authm", "types", "create", "billing", "--host", "pay.internal", "--auth-method", "headers", "--auth-type", "oidc", "--type", "custom")
	s.ok(t, "authm", "set", "reports", "api.internal:9000", "--access-key-file", file(t, reportsKey+"\n"))
	s.ok(t, "authm", "set", "billing", "pay.internal:443", "--header", "X-Token="+file(t, billingKey), "--header", "X-User="+file(t, billingUser))
	for _, name := range []string{"robot-2", "robot-1"} {
		s.ok(t, "authm", "bindings", "create", name, "--service-type", "reports", "--host", "api.internal", "--auth-type", "x509",
			"--auth-identifier", "CN="+name+",O=Acme", "--unique-key", "user-of-"+name)
	}
}
