package caddymodule_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/authgate/authgate/caddymodule"
	_ "github.com/authgate/authgate/caddymodule/embedded"
)

var update = flag.Bool("update", false, "rewrite the JSON in testdata/*.caddyfiletest")

// separator parts the Caddyfile from what must become of it, as in Caddy's own tests: JSON, or a part of
// the error if it does not start with a brace.
const separator = "\n----------\n"

// TestCaddyfileAdapt holds every option, and every mistake the adapter finds, to its JSON or its message.
func TestCaddyfileAdapt(t *testing.T) {
	t.Parallel()
	files := goldenFiles(t)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".caddyfiletest"), func(t *testing.T) {
			t.Parallel()
			text, want := readGolden(t, file)
			config, warnings, err := adapt(text)
			if !strings.HasPrefix(want, "{") {
				if err == nil {
					t.Fatalf("adapted without error to\n%s\nwant an error with %q", config, want)
				}
				if !strings.Contains(err.Error(), want) {
					t.Fatalf("got error\n%v\nwant one with\n%s", err, want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range warnings {
				t.Errorf("warning: %s", w)
			}
			got := indented(t, config)
			if *update {
				if err := os.WriteFile(file, []byte(text+separator[1:]+got+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func goldenFiles(tb testing.TB) []string {
	tb.Helper()
	files, err := filepath.Glob("testdata/*.caddyfiletest")
	if err != nil || len(files) == 0 {
		tb.Fatalf("no golden files: %v", err)
	}
	return files
}

func readGolden(tb testing.TB, file string) (text, want string) {
	tb.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	text, want, ok := strings.Cut(string(data), separator)
	if !ok {
		tb.Fatalf("%s: no line of ten dashes", file)
	}
	return text + "\n", strings.TrimSpace(want)
}

func adapt(text string) (config []byte, warnings []caddyconfig.Warning, err error) {
	return caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), map[string]any{"filename": "Caddyfile"})
}

func indented(tb testing.TB, config []byte) string {
	tb.Helper()
	var out bytes.Buffer
	if err := json.Indent(&out, config, "", "\t"); err != nil {
		tb.Fatal(err)
	}
	return out.String()
}
