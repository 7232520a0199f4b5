package caddymodule_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/authgate/authgate/caddymodule"
)

// FuzzCaddyfile feeds the adapter with mutations of the golden files. It must not panic, must give the
// same JSON twice, and the app it makes must be one that Caddy's strict decoder reads back.
func FuzzCaddyfile(f *testing.F) {
	for _, file := range goldenFiles(f) {
		text, _ := readGolden(f, file)
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "import") || len(text) > 1<<14 {
			return // it would read files, and many of them
		}
		config, err := adaptSafely(text)
		if err != nil {
			return
		}
		again, err := adaptSafely(text)
		if err != nil || !bytes.Equal(config, again) {
			t.Fatalf("adapted twice, got\n%s\nand\n%s (%v)", config, again, err)
		}
		var whole struct {
			Apps struct {
				Authgate json.RawMessage `json:"authgate"`
			} `json:"apps"`
		}
		if err := json.Unmarshal(config, &whole); err != nil {
			t.Fatalf("no JSON: %v\n%s", err, config)
		}
		if whole.Apps.Authgate == nil {
			return
		}
		d := json.NewDecoder(bytes.NewReader(whole.Apps.Authgate))
		d.DisallowUnknownFields()
		if err := d.Decode(new(caddymodule.App)); err != nil {
			t.Fatalf("the app cannot be read back: %v\n%s", err, whole.Apps.Authgate)
		}
	})
}

// adaptSafely turns a panic in Caddy's own directives, which are not ours to test, into an error. One
// that passes through this package goes on.
func adaptSafely(text string) (config []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			if bytes.Contains(debug.Stack(), []byte("authgate/caddymodule.")) {
				panic(p)
			}
			err = fmt.Errorf("caddy panicked: %v", p)
		}
	}()
	config, _, err = adapt(text)
	return config, err
}
