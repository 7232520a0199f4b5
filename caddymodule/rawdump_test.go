package caddymodule_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// plaintextOption makes a gateway keep what it stores in clear; nothing is asked of its files then.
const plaintextOption = "insecure_plaintext_secrets"

// secrets are all credentials this test process has handed to gateways. Where a gateway encrypts, none
// of them may be in what is left of its store.
type secrets struct {
	mu    sync.Mutex
	known map[string]struct{}
}

var handedOut = func() *secrets {
	s := &secrets{known: map[string]struct{}{}}
	s.add(adminKey)
	s.add(envSecret)
	return s
}()

// secretOf notes that text is a secret, and returns it.
func secretOf(text string) string {
	handedOut.add(text)
	return text
}

// add notes a secret, as it is and as JSON writes it. One of a few letters would be found by chance.
func (s *secrets) add(text string) {
	if len(text) < 8 {
		return
	}
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err) // it is a string
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known[text] = struct{}{}
	s.known[string(quoted[1:len(quoted)-1])] = struct{}{}
}

// collect notes the credentials in a body for the management API.
func (s *secrets) collect(body string) {
	var v any
	if json.Unmarshal([]byte(body), &v) != nil {
		return
	}
	s.walk("", v)
}

func (s *secrets) walk(name string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for key, inner := range v {
			if name == "headers" {
				key = "access_key"
			}
			s.walk(key, inner)
		}
	case []any:
		for _, inner := range v {
			s.walk(name, inner)
		}
	case string:
		if name == "access_key" {
			s.add(v)
		}
	}
}

// in returns the secrets that stand in data.
func (s *secrets) in(data []byte) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []string
	for text := range s.known {
		if bytes.Contains(data, []byte(text)) {
			found = append(found, text)
		}
	}
	return found
}

// leaks returns what of the secrets is in the files of an etcd: database, log, snapshots, history.
func leaks(t testing.TB, dir string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || d.Name() == "encryption.key" {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		data = bytes.TrimRight(data, "\x00") // logs are allocated ahead
		for _, text := range handedOut.in(data) {
			found = append(found, text+" in "+path)
		}
		return nil
	})
	if err != nil {
		t.Errorf("looking for secrets in %s: %v", dir, err)
	}
	return found
}

var embeddedDir = regexp.MustCompile(`(?m)^\s*store embedded (\S+)`)

// remember keeps what of a configuration says where its store is, and whether that is encrypted.
func (g *gateway) remember(s setup) {
	if strings.Contains(s.Global, plaintextOption) {
		g.plaintext = true
	}
	if m := embeddedDir.FindStringSubmatch(s.Global); m != nil {
		g.dirs = append(g.dirs, m[1])
	}
}

// checkFiles searches the embedded stores of a gateway that has ended.
func (g *gateway) checkFiles(t testing.TB) {
	t.Helper()
	if g.plaintext {
		return
	}
	dirs := g.dirs
	_ = filepath.WalkDir(g.dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && d.Name() == "member" {
			dirs = append(dirs, filepath.Dir(path))
			return filepath.SkipDir
		}
		return nil
	})
	for _, dir := range dirs {
		if _, err := os.Stat(dir); err != nil {
			continue // it never started
		}
		for _, leak := range leaks(t, dir) {
			t.Errorf("stored in clear: %s", leak)
		}
	}
}
