package caddymodule_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// setup is what a gateway is started with. The harness adds the admin socket, the debug log and the
// working directory to Global, the inside of the global block.
type setup struct {
	Global   string
	Sites    string
	NotReady bool // do not wait until the store is ready
	Embedded bool // Global names no store: the default one is used
}

func (s setup) caddyfile(dir string) string {
	return "{\n\tdebug\n\tadmin unix/" + filepath.Join(dir, "a.sock") + "\n\tdefault_bind 127.0.0.1\n\tauto_https disable_redirects\n" +
		"\tskip_install_trust\n\tpersist_config off\n" + s.Global + "\n}\n" + s.Sites + "\n"
}

// gateway is a running process.
type gateway struct {
	dir    string
	cmd    *exec.Cmd
	admin  *http.Client
	exited chan struct{}

	plaintext bool     // it stores, or has stored, in clear
	dirs      []string // of its embedded stores, if the configuration names them
}

// start runs a gateway until the test ends, and waits until it serves.
func start(t *testing.T, s setup) *gateway {
	t.Helper()
	g := launch(t, s)
	g.await(t, !s.NotReady)
	return g
}

// launch runs a gateway and waits for nothing.
func launch(t *testing.T, s setup) *gateway {
	t.Helper()
	dir, err := os.MkdirTemp("", "authgate-test-") // t.TempDir is too long for a socket's path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	file := filepath.Join(dir, "Caddyfile")
	if err := os.WriteFile(file, []byte(s.caddyfile(dir)), 0o600); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway{dir: dir, exited: make(chan struct{})}
	g.remember(s)
	g.cmd = exec.Command(self, "run", "--config", file, "--adapter", "caddyfile")
	g.cmd.Env = append(os.Environ(), asProgram+"=1", "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir, "SECRET_OF_THE_ENVIRONMENT="+envSecret)
	g.cmd.Stdout, g.cmd.Stderr = log, log
	g.cmd.Dir = dir
	if err := g.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = g.cmd.Wait()
		close(g.exited)
	}()
	// Each reload also replaces the admin endpoint: no connection of the last one is of use.
	g.admin = &http.Client{Timeout: 60 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(dir, "a.sock"))
		},
	}}
	t.Cleanup(func() { g.stop(t) })
	return g
}

// envSecret is in every gateway's environment: no client may get at it.
const envSecret = "environment-secret-3f1c"

func (g *gateway) stop(t *testing.T) {
	_ = g.cmd.Process.Kill()
	<-g.exited
	text := g.log(t)
	for _, bad := range []string{"WARNING: DATA RACE", "panic:", "http: panic serving", "fatal error:"} {
		if at := strings.Index(text, bad); at >= 0 {
			t.Errorf("the gateway logged %q:\n%s", bad, text[at:min(len(text), at+6000)])
		}
	}
	g.checkFiles(t)
	if t.Failed() {
		t.Logf("end of the gateway's log:\n%s", text[max(0, len(text)-6000):])
	}
}

// await waits until the configuration runs and, if asked for, the store is ready.
func (g *gateway) await(t *testing.T, ready bool) {
	t.Helper()
	eventually(t, time.Minute, "the gateway runs", func() bool {
		select {
		case <-g.exited:
			t.Fatalf("the gateway ended:\n%s", g.log(t))
		default:
		}
		code, body := g.ask(http.MethodGet, "/authgate/status", "", "")
		return code == http.StatusOK && (!ready || strings.Contains(body, `"ready": true`))
	})
}

func (g *gateway) log(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(g.dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// ask calls Caddy's admin endpoint; code 0 means it did not answer.
func (g *gateway) ask(method, path, contentType, body string) (code int, text string) {
	req, err := http.NewRequest(method, "http://caddy"+path, strings.NewReader(body))
	if err != nil {
		panic(err) // constant input
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := g.admin.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(data)
}

// reload loads another configuration and returns Caddy's complaint if it is refused.
func (g *gateway) reload(s setup) error {
	g.remember(s)
	var code int
	var text string
	for range 5 { // the endpoint may just be on its way out; loading the same again does nothing
		if code, text = g.ask(http.MethodPost, "/load", "text/caddyfile", s.caddyfile(g.dir)); code != 0 {
			break
		}
	}
	if code != http.StatusOK {
		return fmt.Errorf("load answered %d: %s", code, text)
	}
	return nil
}

// status is what tests read of /authgate/status.
type status struct {
	Ready    bool              `json:"ready"`
	Requests map[string]uint64 `json:"requests"`
	Upstream map[string]uint64 `json:"upstream"`
	Tokens   int               `json:"cached_tokens"`
	Insecure []string          `json:"insecure"`
	Warnings []string          `json:"warnings"`

	Encryption struct {
		Keys      []string `json:"keys"`
		Plaintext bool     `json:"plaintext"`
	} `json:"encryption"`
}

func (g *gateway) status(t *testing.T) status {
	t.Helper()
	code, text := g.ask(http.MethodGet, "/authgate/status", "", "")
	var s status
	if err := json.Unmarshal([]byte(text), &s); code != http.StatusOK || err != nil {
		t.Fatalf("status: %d %v: %s", code, err, text)
	}
	return s
}

// metric returns the value of one sample of Caddy's metrics, written as in the exposition format.
func (g *gateway) metric(t *testing.T, sample string) float64 {
	t.Helper()
	_, text := g.ask(http.MethodGet, "/metrics", "", "")
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, sample+" "); ok {
			v, err := strconv.ParseFloat(strings.TrimSpace(rest), 64)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
	}
	t.Fatalf("no metric %s in:\n%s", sample, text)
	return 0
}

// goroutines counts the process's goroutines, and returns their stacks.
func (g *gateway) goroutines(t *testing.T) (int, string) {
	t.Helper()
	_, text := g.ask(http.MethodGet, "/debug/pprof/goroutine?debug=1", "", "")
	var n int
	if _, err := fmt.Sscanf(text, "goroutine profile: total %d", &n); err != nil {
		t.Fatalf("goroutine profile: %v: %.200s", err, text)
	}
	return n, text
}

// files counts the process's open file descriptors.
func (g *gateway) files(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", g.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// eventually polls until ok or the time is over.
func eventually(t testing.TB, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	if !within(limit, ok) {
		t.Fatalf("not within %v: %s", limit, what)
	}
}

func within(limit time.Duration, ok func() bool) bool {
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if ok() {
			return true
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			return ok()
		}
	}
}

// ports hands out numbers below the range that outgoing connections take theirs from.
type ports struct{ next atomic.Uint32 }

var portNumbers = func() *ports {
	p := new(ports)
	p.next.Store(rand.Uint32N(10000))
	return p
}()

// freePort returns a port of loopback that nobody uses, for TCP and UDP.
func freePort(t testing.TB) int {
	t.Helper()
	for range 1000 {
		port := 20000 + int(portNumbers.next.Add(1)%10000)
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		l, err := net.Listen("tcp", address)
		if err != nil {
			continue
		}
		_ = l.Close()
		u, err := net.ListenPacket("udp", address)
		if err != nil {
			continue
		}
		_ = u.Close()
		return port
	}
	t.Fatal("no free port")
	return 0
}

// fill replaces $NAME in a configuration. A name without a value is a mistake of the test.
func fill(t testing.TB, text string, values map[string]string) string {
	t.Helper()
	return os.Expand(text, func(name string) string {
		v, ok := values[name]
		if !ok {
			t.Fatalf("no value for $%s", name)
		}
		return v
	})
}

// count tells how often any of the needles is in the gateway's log.
func (g *gateway) logged(t testing.TB, needle string) int {
	t.Helper()
	return bytes.Count([]byte(g.log(t)), []byte(needle))
}
