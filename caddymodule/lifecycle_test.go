package caddymodule_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// TestReloads is specs D7 and R: a hundred reloads under load fail no request, keep caches and the one
// store, and leave nothing behind.
func TestReloads(t *testing.T) {
	t.Parallel()
	const reloads, workers = 100, 8
	p, at := newPlant(t), newSite(t)
	generation := 0
	next := func() setup {
		generation++
		s := p.setup(at, "", "")
		s.Embedded = true
		// Late requests of an old configuration leave an idle upstream connection behind, for keepalive's time.
		s.Sites = strings.Replace(s.Sites, "transport authgate", "transport authgate {\n\t\t\tkeepalive 1s\n\t\t}", 1)
		s.Sites = strings.ReplaceAll(s.Sites, "\treverse_proxy", fmt.Sprintf("\theader X-Generation %d\n\treverse_proxy", generation))
		return s
	}
	g := start(t, next())
	p.store(t, at, "key-of-all-generations")

	var served, failed, lost atomic.Uint64
	client := &http.Client{Timeout: exchangeTime, Transport: &http.Transport{MaxIdleConnsPerHost: workers}}
	one := func() {
		req, err := http.NewRequest(http.MethodGet, "http://"+at.proxy+"/", nil)
		if err != nil {
			t.Error(err)
			return
		}
		req.Header = http.Header{"Authorization": {"Bearer " + p.token}, replyHeader: {"body"}, caseHeader: {"load"}}
		resp, err := client.Do(req)
		// Caddy has a listener of its own for each configuration, and closing the old one resets what it has
		// not accepted yet, with authgate or without. A client that got no byte of an answer asks again.
		for tries := 0; err != nil && tries < 20; tries++ {
			lost.Add(1)
			resp, err = client.Do(req)
		}
		if err != nil {
			failed.Add(1)
			t.Errorf("D7: a request failed: %v", err)
			return
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		served.Add(1)
		if err != nil || resp.StatusCode != http.StatusOK || string(body) != "key-of-all-generations" {
			failed.Add(1)
			t.Errorf("D7: a request failed: %d %q %v", resp.StatusCode, body, err)
		}
	}
	load := func(during func()) {
		var work sync.WaitGroup
		stop := make(chan struct{})
		for range workers {
			work.Go(func() {
				for failed.Load() < 10 {
					select {
					case <-stop:
						return
					default:
						one()
						p.origin.take("load")
					}
				}
			})
		}
		during()
		close(stop)
		work.Wait()
		client.CloseIdleConnections()
	}
	reload := func(n int) {
		for range n {
			if err := g.reload(next()); err != nil {
				t.Fatalf("D7: reload %d: %v", generation, err)
			}
			enough := served.Load() + workers
			eventually(t, exchangeTime, "requests are served between two reloads", func() bool { return served.Load() >= enough || failed.Load() > 0 })
		}
	}
	// level is what is left when all connections have ended, the client's and those to the upstream.
	level := func() (goroutines, files int, stacks string) {
		eventually(t, exchangeTime, "connections end", func() bool {
			goroutines, stacks = g.goroutines(t)
			return !strings.Contains(stacks, "http.(*persistConn)") && strings.Count(stacks, "http.(*conn).serve") <= 1
		})
		return goroutines, g.files(t), stacks
	}
	load(func() { reload(5) })
	warmGoroutines, warmFiles, _ := level()
	before := g.status(t)
	load(func() { reload(reloads) })
	goroutines, files, stacks := level()
	after := g.status(t)
	t.Logf("%d reloads, %d requests, %d connections that Caddy closed before reading, goroutines %d before and %d after, file descriptors %d and %d",
		reloads, served.Load(), lost.Load(), warmGoroutines, goroutines, warmFiles, files)
	if goroutines > warmGoroutines+3 {
		t.Errorf("D7: %d goroutines before, %d after:\n%s", warmGoroutines, goroutines, stacks)
	}
	if files > warmFiles+3 {
		t.Errorf("D7: %d file descriptors before, %d after", warmFiles, files)
	}
	if after.Tokens != 1 || before.Tokens != 1 {
		t.Errorf("R: cached tokens: %d before and %d after, want 1", before.Tokens, after.Tokens)
	}
	if after.Requests["allowed"] <= before.Requests["allowed"] {
		t.Errorf("R: the totals began anew: %v after %v", after.Requests, before.Requests)
	}
	if n := g.logged(t, "store watch synced"); n != 1 {
		t.Errorf("R: %d watches on the store, want 1", n)
	}
	if n := p.idp.Fetches(); n != 1 {
		t.Errorf("R: the issuer's keys were fetched %d times, want once", n)
	}
	t.Run("ends_when_told_to", func(t *testing.T) {
		if err := g.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		select {
		case <-g.exited:
		case <-time.After(exchangeTime):
			t.Fatal("the gateway does not end")
		}
		if code := g.cmd.ProcessState.ExitCode(); code != 0 {
			t.Errorf("exit status %d", code)
		}
	})
}

// TestReloadJudgesAnew is specs C2: what is cached is who the caller is, never that it may pass.
func TestReloadJudgesAnew(t *testing.T) {
	t.Parallel()
	p, at := newPlant(t), newSite(t)
	etcd := startEtcd(t)
	lines := etcd.store("c2")
	g := start(t, p.setup(at, lines, ""))
	send := func() result { return p.call(t, at) }
	send().passed(t)
	for _, step := range []struct {
		rules  string
		status int
	}{
		{"require role Admin", 403}, {"require role Deployer", 200}, {"require scope a", 403}, {"require claim sub user-2", 403}, {"require claim sub user-1", 200},
	} {
		if err := g.reload(p.setup(at, lines, step.rules)); err != nil {
			t.Fatal(err)
		}
		if out := send(); out.status != step.status {
			t.Errorf("C2: %s: status %d, want %d", step.rules, out.status, step.status)
		}
	}
	// An issuer that is gone, or wants another audience, no longer vouches for tokens in the cache.
	s := p.setup(at, lines, "")
	s.Global = strings.Replace(s.Global, "https://gate.example", "https://other.example", 1)
	if err := g.reload(s); err != nil {
		t.Fatal(err)
	}
	send().refused(t, 401)
	if err := g.reload(p.setup(at, lines, "")); err != nil {
		t.Fatal(err)
	}
	send().passed(t)
}

// TestUnreadableSecret is specs D6 for the Caddyfile: it does not load, and what runs goes on.
func TestUnreadableSecret(t *testing.T) {
	t.Parallel()
	p, at := newPlant(t), newSite(t)
	etcd := startEtcd(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "key")
	if err := os.WriteFile(file, []byte("key-out-of-a-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	lines := func(value string) string {
		return etcd.store("d6") + "\n\t\tservice_type filed {\n\t\t\ttype ams\n\t\t\tauth_method api-key\n\t\t\tauth_types oidc\n\t\t\thosts 127.0.0.1\n\t\t}\n" +
			"\t\tauth_method filed " + p.target + " {\n\t\t\taccess_key " + value + "\n\t\t}"
	}
	g := start(t, p.setup(at, lines("{file."+file+"}"), ""))
	if out := p.call(t, at); out.body != "key-out-of-a-file" {
		t.Fatalf("the upstream got %q", out.body)
	}
	empty := filepath.Join(dir, "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"missing_file": "{file." + filepath.Join(dir, "missing") + "}", "empty_file": "{file." + empty + "}", "unset_variable": "{env.NO_SUCH_VARIABLE_HERE}",
	} {
		err := g.reload(p.setup(at, lines(value), ""))
		if err == nil || !strings.Contains(err.Error(), "access_key") {
			t.Errorf("D6: %s: reload says %v", name, err)
		}
		if out := p.call(t, at); out.body != "key-out-of-a-file" {
			t.Errorf("D6: %s: after the refused reload the upstream got %q", name, out.body)
		}
	}
	// At start there is nothing that could go on: the program ends and says why.
	s := p.setup(newSite(t), lines("{file."+filepath.Join(dir, "missing")+"}"), "")
	s.NotReady = true
	dead := launch(t, s)
	select {
	case <-dead.exited:
	case <-time.After(exchangeTime):
		t.Fatal("D6: the gateway runs without its secret")
	}
	if code := dead.cmd.ProcessState.ExitCode(); code == 0 || !strings.Contains(dead.log(t), "access_key") {
		t.Errorf("D6: exit status %d, log:\n%s", code, dead.log(t))
	}
}
