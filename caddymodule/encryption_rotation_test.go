package caddymodule_test

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// TestRotation changes the key of two gateways on one etcd, step by step as docs/store.md tells, while
// requests run: none fails.
func TestRotation(t *testing.T) {
	t.Parallel()
	p, a, b := newPlant(t), newSite(t), newSite(t)
	etcd := startEtcd(t)
	older, newer := etcd.keyFile, newKeyFile(t)
	oldID, newID := readKey(t, older).ID(), readKey(t, newer).ID()
	lines := func(files ...string) string {
		return etcd.storeWith("rotation", "encryption_key_file "+strings.Join(files, " "))
	}
	ga, gb := start(t, p.setup(a, lines(older), "")), start(t, p.setup(b, lines(older), ""))
	p.store(t, a, "key-that-outlives-its-key")

	stop := make(chan struct{})
	var callers sync.WaitGroup
	var served atomic.Uint64
	for _, at := range []site{a, b} {
		callers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if status, body := p.askOften(at); status != http.StatusOK || body != "key-that-outlives-its-key" {
					t.Errorf("a request during the rotation: %d %q", status, body)
					return
				}
				served.Add(1)
			}
		})
	}
	end := sync.OnceFunc(func() { close(stop); callers.Wait() })
	defer end()
	step := func(what string, files ...string) {
		t.Helper()
		for at, g := range map[site]*gateway{a: ga, b: gb} {
			if err := g.reload(p.setup(at, lines(files...), "")); err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			var ids []string
			for _, f := range files {
				ids = append(ids, readKey(t, f).ID())
			}
			if now := g.status(t); !slices.Equal(now.Encryption.Keys, ids) {
				t.Errorf("%s: status says %v, want %v", what, now.Encryption.Keys, ids)
			}
			before := served.Load()
			eventually(t, exchangeTime, "requests run", func() bool { return served.Load() > before+2 })
		}
	}
	step("both can read the new key", older, newer)
	step("both write with the new key", newer, older)
	if dry := reencrypt(t, ga, "?dry_run=true"); !dry.DryRun || dry.Rewritten == 0 || dry.Current+dry.Rewritten != dry.Total {
		t.Errorf("dry run: %+v", dry)
	}
	if by := etcd.sealedBy(t, "/rotation/"); by[oldID] == 0 {
		t.Errorf("before the rewriting, or after a dry run, the keys are %v", by)
	}
	if last := reencrypt(t, ga, ""); last.Unreadable > 0 || last.Rewritten+last.Current != last.Total || last.Rewritten == 0 {
		t.Errorf("reencrypt: %+v", last)
	}
	if check := reencrypt(t, gb, "?dry_run=true"); check.Rewritten != 0 || check.Current != check.Total {
		t.Errorf("after the rewriting: %+v", check)
	}
	step("the old key is gone", newer)
	end()
	if by := etcd.sealedBy(t, "/rotation/"); by[oldID] > 0 || by[""] > 0 || by[newID] == 0 {
		t.Errorf("after the rotation the keys are %v", by)
	}
	for _, g := range []*gateway{ga, gb} {
		if warnings := g.status(t).Warnings; len(warnings) > 0 {
			t.Errorf("status warns of %q", warnings)
		}
	}
	t.Logf("%d requests", served.Load())
}

// askOften is p.call for a goroutine of its own, during reloads: a connection that Caddy resets while it
// changes its listeners has answered nothing, and is tried again.
func (p *plant) askOften(at site) (status int, body string) {
	req, err := http.NewRequest(http.MethodGet, "http://"+at.proxy+"/", nil)
	if err != nil {
		return 0, err.Error()
	}
	req.Header = http.Header{"Authorization": {"Bearer " + p.token}, replyHeader: {"body"}, caseHeader: {"load"}}
	client := &http.Client{Timeout: exchangeTime, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	for tries := 0; err != nil && tries < 20; tries++ {
		resp, err = client.Do(req)
	}
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

// TestKeyRemovedTooEarly: what only the missing key can open is refused, and status tells why.
func TestKeyRemovedTooEarly(t *testing.T) {
	t.Parallel()
	p, at := newPlant(t), newSite(t)
	etcd := startEtcd(t)
	g := start(t, p.setup(at, etcd.store("early"), ""))
	p.store(t, at, "key-that-was-locked-in")
	p.call(t, at).passed(t)
	newer := newKeyFile(t)
	with := func(files string) {
		t.Helper()
		if err := g.reload(p.setup(at, etcd.storeWith("early", "encryption_key_file "+files), "")); err != nil {
			t.Fatal(err)
		}
	}
	with(newer)
	p.call(t, at).unavailable(t)
	if warnings := strings.Join(g.status(t).Warnings, "\n"); !strings.Contains(warnings, "cannot be used: encrypted with a key that is not configured") {
		t.Errorf("status warns of %q", warnings)
	}
	if last := reencrypt(t, g, ""); last.Unreadable != last.Total || last.Rewritten > 0 {
		t.Errorf("reencrypt: %+v", last)
	}
	with(newer + " " + etcd.keyFile)
	if out := p.call(t, at); out.body != "key-that-was-locked-in" {
		t.Errorf("with both keys the upstream got %d %q", out.status, out.body)
	}
}

// TestReencryptResumes kills the gateway in the middle, then leaves in the middle; each time the next run
// goes on where the last one stopped. Two at once are refused.
func TestReencryptResumes(t *testing.T) {
	t.Parallel()
	const values = 12_000
	p, at := newPlant(t), newSite(t)
	etcd := startEtcd(t)
	newer := newKeyFile(t)
	oldID, newID := readKey(t, etcd.keyFile).ID(), readKey(t, newer).ID()
	etcd.fillWith(t, readKey(t, etcd.keyFile), "/resume/", values)
	s := p.setup(at, etcd.storeWith("resume", "encryption_key_file "+newer+" "+etcd.keyFile), "")
	g := start(t, s)

	// begin reads lines until some values are done, and returns how many.
	begin := func() (io.Closer, int) {
		t.Helper()
		stream := startReencrypt(t, g, "")
		for lines := json.NewDecoder(stream); ; {
			var line rewritten
			if err := lines.Decode(&line); err != nil || line.Done || line.Error != "" {
				t.Fatalf("%+v, %v", line, err)
			}
			if line.Rewritten > 100 {
				return stream, line.Current + line.Rewritten
			}
		}
	}
	_, done := begin()
	g.stop(t) // as kill -9
	by := etcd.sealedBy(t, "/resume/")
	if by[newID] < done || by[oldID] == 0 || by[newID]+by[oldID] != values {
		t.Fatalf("after the kill: %v, %d were reported", by, done)
	}

	g = start(t, s)
	stream, again := begin()
	if again <= by[newID] {
		t.Errorf("the second run has done %d, the first %d", again, by[newID])
	}
	if code, text := g.ask(http.MethodPost, "/authgate/reencrypt", "", ""); code != http.StatusConflict {
		t.Errorf("a second one at the same time: %d %.200s", code, text)
	}
	_ = stream.Close() // the client leaves
	eventually(t, exchangeTime, "it stops", func() bool { return g.logged(t, "encrypting the stored records anew has stopped") == 1 })
	by = etcd.sealedBy(t, "/resume/")
	if by[oldID] == 0 {
		t.Fatal("it went on without its client")
	}
	last := reencrypt(t, g, "")
	if last.Total != values || last.Current != by[newID] || last.Rewritten != by[oldID] {
		t.Errorf("the last run: %+v after %v", last, by)
	}
	if by := etcd.sealedBy(t, "/resume/"); by[newID] != values {
		t.Errorf("in the end: %v", by)
	}
}
