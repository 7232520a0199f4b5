package caddymodule_test

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	// killRounds is how often TestKilledGateway kills its gateway.
	killRounds = 16
	// killHosts is one more than a cascade deletes in one transaction, so that a kill may part it.
	killHosts = 25
	// killKey begins all access keys: one secret to look for in the files, not thousands.
	killKey = "key-of-the-killed"
)

// TestKilledGateway kills a gateway with SIGKILL at random moments while several clients write, again and
// again on one data directory. After each restart every answered write is there, or one that was sent after
// it; no method outlives its service type; names lead to the records they name; and the upstream gets the
// credential the API shows.
func TestKilledGateway(t *testing.T) {
	t.Parallel()
	p, at := newPlant(t), newSite(t)
	s := p.setup(at, "\t\tstore embedded "+filepath.Join(t.TempDir(), "etcd"), "")
	s.Embedded = true
	clients := []*killClient{
		{t: t, at: at, kind: "kill-0", hosts: []string{"127.0.0.1"}, port: portOf(p.target)},
		{t: t, at: at, kind: "kill-1", hosts: killNames(1, killHosts), port: "443"},
		{t: t, at: at, kind: "kill-2", hosts: killNames(2, killHosts), port: "443"},
		{t: t, at: at, kind: "kill-3", hosts: killNames(3, 3), port: "443"},
	}
	answered := 0
	secretOf(killKey)
	g := start(t, s)
	for round := range killRounds {
		for _, c := range clients {
			c.check()
		}
		checkAttached(t, p, at, clients[0])
		if t.Failed() {
			t.Fatalf("round %d", round)
		}
		var work sync.WaitGroup
		for _, c := range clients {
			work.Go(func() { c.write() })
		}
		select { // long enough for some hundred writes, or none
		case <-time.After(time.Duration(rand.Int64N(int64(600 * time.Millisecond)))):
		case <-g.exited:
			t.Fatalf("round %d: the gateway ended by itself", round)
		}
		_ = g.cmd.Process.Kill()
		<-g.exited
		work.Wait()
		for _, c := range clients {
			answered += c.answered
			c.answered = 0
		}
		g.dirs = nil // its files are the next one's
		g = start(t, s)
	}
	for _, c := range clients {
		c.check()
	}
	if answered < 10*killRounds {
		t.Errorf("only %d writes were answered in %d rounds", answered, killRounds)
	}
	t.Logf("%d kills, %d answered writes", killRounds, answered)
}

func killNames(client, n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("h%d-%d.test", client, i)
	}
	return names
}

// killClient writes one service type and its methods, one request after the other, and knows what may be
// stored: what was answered last, and what was sent since.
type killClient struct {
	t        *testing.T
	at       site
	kind     string
	hosts    []string
	port     string
	answered int
	number   int

	exists bool              // the service type
	keys   map[string]string // access keys by host
	maybe  func(exists bool, keys map[string]string) bool
	dead   bool // the gateway was killed: nothing is known until check
}

// send returns the status of an answer, or 0 if there was none.
func (c *killClient) send(method, path, body string) (int, string) {
	req, err := http.NewRequest(method, "http://"+c.at.admin+path, strings.NewReader(body))
	if err != nil {
		panic(err) // constant input
	}
	req.Header = http.Header{"Content-Type": {"application/json"}, "Authorization": {"Bearer " + adminKey}}
	client := http.Client{Timeout: exchangeTime, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, ""
	}
	return resp.StatusCode, string(text)
}

// do sends a write. If it is answered with want, then happens; if it is not answered, it may have happened.
func (c *killClient) do(method, path, body string, want int, then func(), may func(bool, map[string]string) bool) {
	status, text := c.send(method, path, body)
	switch {
	case status == want:
		then()
		c.answered++
	case status == 0 || status >= 500 && status != http.StatusInternalServerError: // on its way down
		c.dead, c.maybe = true, may
	default:
		c.t.Errorf("%s %s: %d %s, want %d", method, path, status, text, want)
		c.dead = true
	}
}

// write goes on until the gateway is gone.
func (c *killClient) write() {
	for c.dead, c.maybe = false, nil; !c.dead; {
		host := c.hosts[rand.IntN(len(c.hosts))]
		path := typePath + "/" + c.kind + "/hosts/" + host + "/authm"
		c.number++
		key := fmt.Sprintf("%s-%s-%06d", killKey, c.kind, c.number)
		_, present := c.keys[host]
		switch {
		case !c.exists:
			hosts, err := json.Marshal(c.hosts)
			if err != nil {
				panic(err) // strings only
			}
			body := fmt.Sprintf(`{"name":%q,"hosts":%s,"auth_types":["oidc"],"auth_method":"api-key","type":"ams"}`, c.kind, hosts)
			c.do(http.MethodPost, typePath, body, http.StatusCreated,
				func() { c.exists, c.keys = true, map[string]string{} },
				func(bool, map[string]string) bool { return true })
		case len(c.keys) == len(c.hosts) && rand.IntN(3) == 0:
			c.do(http.MethodDelete, typePath+"/"+c.kind, "", http.StatusNoContent,
				func() { c.exists, c.keys = false, nil },
				func(bool, map[string]string) bool { return true }) // it may have come to some of the methods
		case !present:
			body := fmt.Sprintf(`{"host":%q,"port":%s,"access_key":%q}`, host, c.port, key)
			c.do(http.MethodPost, typePath+"/"+c.kind+"/authm", body, http.StatusCreated,
				func() { c.keys[host] = key },
				func(exists bool, keys map[string]string) bool { return exists && keys[host] == key })
		case len(c.keys) == len(c.hosts) || rand.IntN(4) > 0 && len(c.hosts) < killHosts:
			c.do(http.MethodPut, path, fmt.Sprintf(`{"access_key":%q}`, key), http.StatusOK,
				func() { c.keys[host] = key },
				func(exists bool, keys map[string]string) bool { return exists && keys[host] == key })
		case len(c.hosts) < killHosts:
			c.do(http.MethodDelete, path, "", http.StatusNoContent,
				func() { delete(c.keys, host) },
				func(exists bool, keys map[string]string) bool { _, present := keys[host]; return exists && !present })
		}
	}
}

// check compares what is stored with what may be, and takes it for the truth from now on.
func (c *killClient) check() {
	c.t.Helper()
	exists, keys := c.stored()
	same := exists == c.exists && len(keys) == len(c.keys)
	for host, key := range c.keys {
		same = same && keys[host] == key
	}
	if !same && !c.justified(exists, keys) {
		c.t.Errorf("%s: stored %v %v, want %v %v or what was sent after it", c.kind, exists, keys, c.exists, c.keys)
	}
	c.exists, c.keys = exists, keys
}

// justified reports whether the one request that was not answered explains a difference: it touched one
// host, or the service type and with it all of them.
func (c *killClient) justified(exists bool, keys map[string]string) bool {
	if c.maybe == nil || !c.maybe(exists, keys) {
		return false
	}
	differences := 0
	for _, host := range c.hosts {
		was, before := c.keys[host]
		is, now := keys[host]
		switch {
		case before == now && was == is:
		case now && exists && c.exists && (!before || was != is):
			differences++ // created or changed
		case !now:
			differences++ // deleted: one alone, or some by a cascade
		default:
			return false
		}
	}
	return exists == c.exists && differences <= 1 || c.exists && len(keys) <= len(c.keys) || !c.exists && len(keys) == 0
}

// stored reads the service type and its methods in all ways there are, which must agree.
func (c *killClient) stored() (exists bool, keys map[string]string) {
	c.t.Helper()
	var list struct {
		AuthMethods []struct {
			Host string `json:"host"`
			Kind string `json:"service_uuid"`
			Key  string `json:"access_key"`
		} `json:"auth_methods"`
	}
	var kind struct {
		UUID string `json:"uuid"`
	}
	var kinds struct {
		ServiceTypes []struct {
			Name string `json:"name"`
			UUID string `json:"uuid"`
		} `json:"service_types"`
	}
	code := c.get(typePath+"/"+c.kind, &kind)
	c.get(typePath, &kinds)
	c.get("/v1/authm", &list)
	known := map[string]string{}
	for _, k := range kinds.ServiceTypes {
		known[k.UUID] = k.Name
	}
	exists = code == http.StatusOK
	if listed := known[kind.UUID] == c.kind; exists != listed {
		c.t.Errorf("%s: by its name %d, in the list %v", c.kind, code, kinds)
	}
	keys = map[string]string{}
	for _, m := range list.AuthMethods {
		switch name, ok := known[m.Kind]; {
		case !ok:
			c.t.Errorf("the method of %s belongs to no service type", m.Host)
		case name == c.kind:
			keys[m.Host] = m.Key
		}
	}
	for _, host := range c.hosts {
		var one struct {
			Key string `json:"access_key"`
		}
		code := c.get(typePath+"/"+c.kind+"/hosts/"+host+"/authm", &one)
		if key, listed := keys[host]; listed != (code == http.StatusOK) || one.Key != key {
			c.t.Errorf("%s %s: by its host %d %q, in the list %q", c.kind, host, code, one.Key, key)
		}
	}
	return exists, keys
}

func (c *killClient) get(path string, into any) int {
	c.t.Helper()
	status, text := c.send(http.MethodGet, path, "")
	if !slices.Contains([]int{http.StatusOK, http.StatusNotFound}, status) {
		c.t.Errorf("GET %s: %d %s", path, status, text)
	}
	if status == http.StatusOK {
		if err := json.Unmarshal([]byte(text), into); err != nil {
			c.t.Errorf("GET %s: %v: %s", path, err, text)
		}
	}
	return status
}

// checkAttached sends a proxied request: the upstream gets what the API shows, or nothing is sent at all.
func checkAttached(t *testing.T, p *plant, at site, c *killClient) {
	t.Helper()
	key, present := c.keys["127.0.0.1"]
	switch out := p.call(t, at); {
	case present && (out.status != http.StatusOK || out.body != key):
		t.Errorf("the upstream got %d %q, want %q", out.status, out.body, key)
	case !present && c.exists:
		out.unavailable(t)
	case !c.exists && out.body != "nothing":
		t.Errorf("without a service type: %d %q", out.status, out.body)
	}
}
