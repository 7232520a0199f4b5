package caddymodule_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/authgate/authgate/store/seal"
)

// hosts is a gateway with stored credentials for several upstream hosts.
type hosts struct {
	*plant

	at      site
	etcd    *etcdServer
	g       *gateway
	targets []string // the upstream of each host
}

// newHosts stores a credential "key-of-<host>" for each of the loopback addresses 127.0.0.<n>, below the
// prefix /hosts/. Each has a path of its own at the gateway.
func newHosts(t *testing.T, n int) *hosts {
	h := &hosts{plant: newPlant(t), at: newSite(t), etcd: startEtcd(t)}
	routes, names := "", []string{}
	for i := 1; i <= n; i++ {
		target := h.origin.listen(t, "tcp", h.host(i)+":0")
		routes += fmt.Sprintf("\thandle /%d {\n\t\tauthgate\n\t\treverse_proxy %s {\n\t\t\ttransport authgate\n\t\t}\n\t}\n", i, target)
		names = append(names, fmt.Sprintf("%q", h.host(i)))
		h.targets = append(h.targets, target)
	}
	s := h.setup(h.at, h.etcd.store("hosts"), "")
	_, admin, _ := strings.Cut(s.Sites, "\nhttp://") // the second site
	s.Sites = fmt.Sprintf("http://%s {\n%s}\nhttp://%s", h.at.proxy, routes, admin)
	h.g = start(t, s)
	body := fmt.Sprintf(`{"name":"stored","hosts":[%s],"auth_types":["oidc"],"auth_method":"api-key","type":"ams"}`, strings.Join(names, ","))
	must(t, http.StatusCreated, api(t, h.at.admin, http.MethodPost, typePath, body))
	for i := 1; i <= n; i++ {
		h.create(t, i)
	}
	return h
}

func (h *hosts) create(t *testing.T, i int) {
	t.Helper()
	body := fmt.Sprintf(`{"host":%q,"port":%s,"access_key":"key-of-%s"}`, h.host(i), portOf(h.targets[i-1]), h.host(i))
	must(t, http.StatusCreated, api(t, h.at.admin, http.MethodPost, createPath, body))
}

func (h *hosts) host(i int) string { return fmt.Sprintf("127.0.0.%d", i) }

func (h *hosts) ask(t *testing.T, i int) result {
	t.Helper()
	return call{Line: fmt.Sprintf("GET /%d", i), Host: h.at.proxy, Token: h.token, Reply: "body"}.send(t, h.at.proxy, h.origin)
}

// works asserts that the credential of host i is attached, once what was changed has got about.
func (h *hosts) works(t *testing.T, i int) {
	t.Helper()
	eventually(t, exchangeTime, h.host(i)+" works", func() bool {
		out := h.ask(t, i)
		if out.status == http.StatusOK && out.body != "key-of-"+h.host(i) {
			t.Fatalf("%s got %q", h.host(i), out.body)
		}
		return out.status == http.StatusOK
	})
}

// closed asserts that host i gets 503, and its upstream never a request without the right credential.
func (h *hosts) closed(t *testing.T, i int) {
	t.Helper()
	eventually(t, exchangeTime, h.host(i)+" is refused", func() bool {
		out := h.ask(t, i)
		if out.status == http.StatusOK && out.body != "key-of-"+h.host(i) {
			t.Fatalf("%s got %q", h.host(i), out.body)
		}
		return out.status == http.StatusServiceUnavailable
	})
	h.ask(t, i).unavailable(t)
}

// records returns the keys of the stored auth methods' records, by host: the index tells them apart.
func (h *hosts) records(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	ring, err := seal.NewKeyring(readKey(t, h.etcd.keyFile))
	if err != nil {
		t.Fatal(err)
	}
	for key, value := range h.etcd.dump(t, "/hosts/auth-methods/r/") {
		plain, err := ring.Open([]byte(value), key)
		if err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		for i := 1; i <= 9; i++ {
			if strings.Contains(string(plain), "key-of-"+h.host(i)) {
				found[h.host(i)] = key
			}
		}
	}
	return found
}

// TestSwappedRecords: somebody who can write to etcd moves one host's credential to another's record. Both
// are unusable, and a third is as it was (specs D5, D6).
func TestSwappedRecords(t *testing.T) {
	t.Parallel()
	h := newHosts(t, 3)
	for i := 1; i <= 3; i++ {
		h.works(t, i)
	}
	keys, values := h.records(t), h.etcd.dump(t, "/hosts/")
	one, two := keys[h.host(1)], keys[h.host(2)]
	h.etcd.put(t, one, values[two])
	h.etcd.put(t, two, values[one])
	h.closed(t, 1)
	h.closed(t, 2)
	h.works(t, 3)
	warnings := strings.Join(h.g.status(t).Warnings, "\n")
	for _, key := range []string{one, two} {
		if want := strings.TrimPrefix(key, "/hosts/") + " cannot be used: changed or moved since it was encrypted"; !strings.Contains(warnings, want) {
			t.Errorf("status warns of\n%s\nwant %q", warnings, want)
		}
	}
	h.etcd.put(t, one, values[one])
	h.etcd.put(t, two, values[two])
	for i := 1; i <= 3; i++ {
		h.works(t, i)
	}
	if warnings := h.g.status(t).Warnings; len(warnings) > 0 {
		t.Errorf("all is well, but status warns of %q", warnings)
	}
}

// TestSpoiledRecords: whatever is written over a record, in clear too, only that record is unusable (specs
// D5), the API says which, and it can be removed and made anew.
func TestSpoiledRecords(t *testing.T) {
	t.Parallel()
	h := newHosts(t, 2)
	keys := h.records(t)
	at := keys[h.host(1)]
	whole := h.etcd.dump(t, at)[at]
	other, err := seal.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	own, foreign := ringOf(t, readKey(t, h.etcd.keyFile)), ringOf(t, other)
	plain, err := own.Open([]byte(whole), at)
	if err != nil {
		t.Fatal(err)
	}
	byOther, err := foreign.Seal(plain, at)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"cut":           whole[:len(whole)-1],
		"bit_flipped":   whole[:len(whole)-1] + string(whole[len(whole)-1]^1),
		"trailing":      whole + "x",
		"empty":         "",
		"garbage":       "\x00\xff{",
		"in_clear":      strings.ReplaceAll(string(plain), "key-of-127", "planted-key"), // an attacker's own record
		"by_other_key":  string(byOther),
		"envelope_only": whole[:93],
	} {
		h.etcd.put(t, at, value)
		h.closed(t, 1)
		h.works(t, 2)
		if out := api(t, h.at.admin, http.MethodGet, "/v1/authm", ""); out.status != http.StatusOK ||
			strings.Contains(out.body, "key-of-127.0.0.1") || !strings.Contains(out.body, "key-of-127.0.0.2") {
			t.Errorf("%s: the list: %d %s", name, out.status, out.body)
		}
		h.etcd.put(t, at, whole)
		h.works(t, 1)
	}
	h.etcd.put(t, at, "spoiled")
	h.closed(t, 1)
	must(t, http.StatusNoContent, api(t, h.at.admin, http.MethodDelete, "/v1/service-types/stored/hosts/127.0.0.1/authm", ""))
	h.create(t, 1)
	h.works(t, 1)
	h.works(t, 2)

	// Without its service type, a host would seem to need no credential at all.
	for at, value := range h.etcd.dump(t, "/hosts/service-types/r/") {
		h.etcd.put(t, at, "spoiled")
		h.closed(t, 1)
		h.closed(t, 2)
		h.etcd.put(t, at, value)
	}
	h.works(t, 1)
	h.works(t, 2)
}

func ringOf(t testing.TB, first seal.Key, others ...seal.Key) *seal.Keyring {
	t.Helper()
	ring, err := seal.NewKeyring(first, others...)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}
