package caddymodule_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestSidecarTells builds the data plane and holds it to telling what it was built without, and what to
// do instead.
func TestSidecarTells(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	program := filepath.Join(dir, "authgate")
	build := exec.Command("go", "build", "-buildvcs=false", "-tags", "authgate_sidecar", "-o", program, "../cmd/authgate")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	const external = "\t\tstore etcd http://127.0.0.1:1\n\t\tinsecure_plaintext_secrets\n"
	for name, c := range map[string]struct{ store, site, want string }{
		"no_store":       {"", "authgate {\nanonymous\n}", "this build has no embedded store; name an external one: `store etcd https://...` in the authgate block"},
		"embedded_store": {"\t\tstore embedded\n", "authgate {\nanonymous\n}", `this build has no store "embedded"; it has: etcd`},
		"admin":          {external, "authgate_admin", "unrecognized directive: authgate_admin"},
		"data_plane":     {external, "authgate {\nanonymous\n}\nreverse_proxy 127.0.0.1:9000 {\ntransport authgate\n}", "Valid configuration"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(dir, name)
			text := "{\n\tadmin off\n\tauthgate {\n" + c.store + "\t}\n}\nhttp://127.0.0.1:1 {\n" + c.site + "\n}\n"
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			validate := exec.Command(program, "validate", "--adapter", "caddyfile", "--config", file)
			validate.Env = append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
			out, err := validate.CombinedOutput()
			if text := strings.ReplaceAll(string(out), `\"`, `"`); !strings.Contains(text, c.want) {
				t.Errorf("got %v\n%s\nwant %q in it", err, text, c.want)
			}
			if valid := c.want == "Valid configuration"; (err == nil) != valid {
				t.Errorf("ended with %v", err)
			}
		})
	}
}
