package caddymodule_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/authgate/authgate/store/seal"
)

// newKeyFile makes an encryption key for gateways, and returns the file's name.
func newKeyFile(t testing.TB) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "encryption.key")
	if _, err := seal.CreateKeyFile(file); err != nil {
		t.Fatal(err)
	}
	return file
}

func readKey(t testing.TB, file string) seal.Key {
	t.Helper()
	key, err := seal.ReadKeyFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// with runs f on a client of the server, as somebody who can read and write all of it.
func (e *etcdServer) with(t testing.TB, f func(ctx context.Context, c *clientv3.Client) error) {
	t.Helper()
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{e.URL}, DialTimeout: exchangeTime})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), exchangeTime)
	defer cancel()
	if err := f(ctx, client); err != nil {
		t.Fatal(err)
	}
}

// dump returns all keys below a prefix with their values.
func (e *etcdServer) dump(t testing.TB, prefix string) map[string]string {
	t.Helper()
	all := map[string]string{}
	e.with(t, func(ctx context.Context, c *clientv3.Client) error {
		resp, err := c.Get(ctx, prefix, clientv3.WithPrefix())
		if err != nil {
			return err
		}
		for _, kv := range resp.Kvs {
			all[string(kv.Key)] = string(kv.Value)
		}
		return nil
	})
	return all
}

func (e *etcdServer) put(t testing.TB, key, value string) {
	t.Helper()
	e.with(t, func(ctx context.Context, c *clientv3.Client) error {
		_, err := c.Put(ctx, key, value)
		return err
	})
}

// sealedBy counts the values below a prefix by the key that sealed them; "" stands for those in clear that
// are no index entries.
func (e *etcdServer) sealedBy(t testing.TB, prefix string) map[string]int {
	t.Helper()
	counts := map[string]int{}
	for key, value := range e.dump(t, prefix) {
		if id, ok := seal.Sealed([]byte(value)); ok || strings.Contains(key, "/r/") {
			counts[id]++
		}
	}
	return counts
}

// rewritten is a line of the answer of POST /authgate/reencrypt.
type rewritten struct {
	Total      int    `json:"total"`
	Current    int    `json:"current"`
	Rewritten  int    `json:"rewritten"`
	Unreadable int    `json:"unreadable"`
	DryRun     bool   `json:"dry_run"`
	Done       bool   `json:"done"`
	Error      string `json:"error"`
}

// reencrypt runs the command to its end and returns the last line.
func reencrypt(t testing.TB, g *gateway, query string) rewritten {
	t.Helper()
	stream := startReencrypt(t, g, query)
	defer stream.Close()
	lines := json.NewDecoder(stream)
	var last rewritten
	for n := 0; ; n++ {
		var line rewritten
		err := lines.Decode(&line)
		if err == io.EOF {
			break
		}
		if err != nil || last.Done || last.Error != "" {
			t.Fatalf("line %d after %+v: %+v, %v", n, last, line, err)
		}
		last = line
	}
	if !last.Done || last.Error != "" {
		t.Fatalf("reencrypt ended with %+v", last)
	}
	return last
}

// startReencrypt begins the command and returns its lines.
func startReencrypt(t testing.TB, g *gateway, query string) io.ReadCloser {
	t.Helper()
	resp, err := g.admin.Post("http://caddy/authgate/reencrypt"+query, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if kind := resp.Header.Get("Content-Type"); resp.StatusCode != http.StatusOK || kind != "application/x-ndjson" {
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		t.Fatalf("reencrypt answered %d, %s: %s", resp.StatusCode, kind, body)
	}
	return resp.Body
}

// fillWith seals so many values that rewriting them takes a while.
func (e *etcdServer) fillWith(t testing.TB, key seal.Key, prefix string, n int) {
	t.Helper()
	ring, err := seal.NewKeyring(key)
	if err != nil {
		t.Fatal(err)
	}
	e.with(t, func(ctx context.Context, c *clientv3.Client) error {
		for from := 0; from < n; from += 100 {
			var ops []clientv3.Op
			for i := from; i < min(n, from+100); i++ {
				name := fmt.Sprintf("%sfiller/r/%06d", prefix, i)
				value, err := ring.Seal([]byte(name), name)
				if err != nil {
					return err
				}
				ops = append(ops, clientv3.OpPut(name, string(value)))
			}
			if _, err := c.Txn(ctx).Then(ops...).Commit(); err != nil {
				return err
			}
		}
		return nil
	})
}
