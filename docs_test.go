package authgate_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	caddycore "github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/authgate/authgate/caddymodule"
	_ "github.com/authgate/authgate/caddymodule/embedded"
)

// TestMain lets this binary be the program that the documents talk about.
func TestMain(m *testing.M) {
	if os.Getenv("AUTHGATE_TEST_MAIN") == "1" {
		caddycmd.Main()
		return
	}
	os.Exit(m.Run())
}

// docBlock is one fenced block of a document.
type docBlock struct {
	file string
	line int // of the fence
	lang string
	info map[string]string // the words behind the language: key=value, or key alone
	text string
}

func (b docBlock) String() string { return fmt.Sprintf("%s:%d", b.file, b.line) }

func docFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("docs/*.md")
	if err != nil || len(files) == 0 {
		t.Fatalf("no documents: %v", err)
	}
	return append([]string{"README.md"}, files...)
}

func docBlocks(t *testing.T, file string) []docBlock {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var blocks []docBlock
	var open *docBlock
	for n, line := range strings.Split(string(data), "\n") {
		fence, isFence := strings.CutPrefix(line, "```")
		switch {
		case open == nil && isFence:
			words := strings.Fields(fence)
			open = &docBlock{file: file, line: n + 1, info: map[string]string{}}
			for i, w := range words {
				if i == 0 {
					open.lang = w
					continue
				}
				key, value, _ := strings.Cut(w, "=")
				open.info[key] = value
			}
		case isFence:
			blocks = append(blocks, *open)
			open = nil
		case open != nil:
			open.text += line + "\n"
		}
	}
	if open != nil {
		t.Fatalf("%s: the block is not closed", open)
	}
	return blocks
}

// fragments puts a part of a Caddyfile where it belongs. The store is one nobody answers for: loading
// does not wait for it.
var fragments = map[string]string{
	"":        "<text>",
	"options": "{\n<text>\tauthgate {\n<store>\t}\n}\n",
	"global":  "{\n\tauthgate {\n<store><text>\t}\n}\n",
	"site":    "{\n\tauthgate {\n<store>" + someIssuers + "\t}\n}\n<text>",
	"route":   "{\n\tauthgate {\n<store>" + someIssuers + "\t}\n}\nhttp://127.0.0.1:8080 {\n<text>}\n",
}

const someIssuers = `
issuer github {
	url https://token.actions.githubusercontent.com
	audience https://gate.example
}
issuer corp {
	url https://login.corp.example
	audience https://gate.example
}
`

// TestDocsCaddyfiles adapts and loads every Caddyfile that the documents show. It is not parallel:
// loading swaps the process's logger.
func TestDocsCaddyfiles(t *testing.T) {
	home := t.TempDir()
	for _, name := range []string{"HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"} {
		t.Setenv(name, home)
	}
	t.Setenv("AUTHGATE_ADMIN_KEY", "0123456789abcdef0123456789abcdef")
	t.Setenv("BILLING_TOKEN", "a-token-of-billing")
	for _, file := range docFiles(t) {
		for _, b := range docBlocks(t, file) {
			if b.lang != "caddyfile" {
				continue
			}
			t.Run(b.String(), func(t *testing.T) {
				form, ok := fragments[b.info["fragment"]]
				if !ok {
					t.Fatalf("unknown fragment %q", b.info["fragment"])
				}
				store := "\t\tstore etcd http://127.0.0.1:1\n\t\tinsecure_plaintext_secrets\n"
				if strings.Contains(b.text, "store ") {
					store = ""
				}
				text := inPlace(t, t.TempDir(), strings.NewReplacer("<store>", store, "<text>", b.text).Replace(form))
				config, warnings, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), map[string]any{"filename": "Caddyfile"})
				if err != nil {
					t.Fatalf("%v in\n%s", err, text)
				}
				if b.info["fragment"] == "" && len(warnings) > 0 {
					t.Errorf("warnings: %v", warnings)
				}
				cfg := new(caddycore.Config)
				if err := caddycore.StrictUnmarshalJSON(config, cfg); err != nil {
					t.Fatal(err)
				}
				if cfg.Logging == nil {
					errorsOnly := caddycore.BaseLog{Level: "ERROR"}
					cfg.Logging = &caddycore.Logging{Logs: map[string]*caddycore.CustomLog{"default": {BaseLog: errorsOnly}}}
				}
				if err := caddycore.Validate(cfg); err != nil {
					t.Errorf("%v in\n%s", err, text)
				}
			})
		}
	}
}

var examplePath = regexp.MustCompile(`(/etc/authgate|/run/secrets|/var/lib/authgate|/var/log/authgate)/([\w.-]+)`)

// inPlace gives a Caddyfile or a command the files that it names, in a directory of the test's.
func inPlace(t *testing.T, dir, text string) string {
	t.Helper()
	var cert, key []byte
	return examplePath.ReplaceAllStringFunc(text, func(path string) string {
		file := filepath.Join(dir, filepath.Base(path))
		if _, err := os.Stat(file); err == nil {
			return file
		}
		var content []byte
		switch {
		case strings.HasPrefix(path, "/var/"):
			return file
		case strings.HasSuffix(file, ".pem"):
			if cert == nil {
				cert, key = newCertificate(t)
			}
			if content = cert; strings.HasSuffix(file, "key.pem") {
				content = key
			}
		case strings.HasSuffix(file, ".key"):
			content = make([]byte, 32)
			_, _ = rand.Read(content)
			content = []byte(base64.StdEncoding.EncodeToString(content))
		case strings.HasSuffix(file, ".json"):
			content = newKeySet(t)
		default:
			content = []byte("secret-of-" + filepath.Base(path))
		}
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	})
}

func newCertificate(t *testing.T) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "docs"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
}

func newKeySet(t *testing.T) []byte {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := private.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	b64 := base64.RawURLEncoding.EncodeToString
	return fmt.Appendf(nil, `{"keys": [{"kty": "EC", "crv": "P-256", "alg": "ES256", "kid": "docs", "x": %q, "y": %q}]}`,
		b64(point[1:33]), b64(point[33:]))
}

var docLink = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// TestDocsLinks follows every link that stays in the repository.
func TestDocsLinks(t *testing.T) {
	t.Parallel()
	for _, file := range docFiles(t) {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range docLink.FindAllStringSubmatch(string(data), -1) {
			path, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(m[1], "://") {
				continue
			}
			target := file
			if path != "" {
				target = filepath.Join(filepath.Dir(file), path)
			}
			text, err := os.ReadFile(target)
			if err != nil && !isDir(target) {
				t.Errorf("%s: link to %s: %v", file, m[1], err)
			} else if anchor != "" && !hasHeading(string(text), anchor) {
				t.Errorf("%s: link to %s: no such heading", file, m[1])
			}
		}
	}
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// hasHeading compares as GitHub makes anchors of headings.
func hasHeading(text, anchor string) bool {
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "#") {
			continue
		}
		heading := strings.ToLower(strings.TrimSpace(strings.TrimLeft(line, "#")))
		heading = regexp.MustCompile("[^a-z0-9 _-]").ReplaceAllString(heading, "")
		if strings.ReplaceAll(heading, " ", "-") == anchor {
			return true
		}
	}
	return false
}

// TestDocsOptions asks the parser which options there are, by giving it one that is not, and looks each
// up in docs/caddyfile.md.
func TestDocsOptions(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("docs/caddyfile.md")
	if err != nil {
		t.Fatal(err)
	}
	for block, text := range map[string]string{
		"authgate":         "{\n\tauthgate {\n\t\tno_such\n\t}\n}\n",
		"store etcd":       "{\n\tauthgate {\n\t\tstore etcd http://127.0.0.1:1 {\n\t\t\tno_such\n\t\t}\n\t}\n}\n",
		"cache":            "{\n\tauthgate {\n\t\tcache {\n\t\t\tno_such\n\t\t}\n\t}\n}\n",
		"issuer":           "{\n\tauthgate {\n\t\tissuer a {\n\t\t\tno_such\n\t\t}\n\t}\n}\n",
		"service_type":     "{\n\tauthgate {\n\t\tservice_type a {\n\t\t\tno_such\n\t\t}\n\t}\n}\n",
		"auth_method":      "{\n\tauthgate {\n\t\tauth_method a b:1 {\n\t\t\tno_such\n\t\t}\n\t}\n}\n",
		"service_defaults": "{\n\tauthgate {\n\t\tservice_defaults ams {\n\t\t\tno_such\n\t\t}\n\t}\n}\n",
		"route":            ":80 {\n\tauthgate {\n\t\tno_such\n\t}\n}\n",
	} {
		_, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), nil)
		if err == nil {
			t.Fatalf("%s: took an option that does not exist", block)
		}
		_, list, ok := strings.Cut(err.Error(), "it takes: ")
		if !ok {
			t.Fatalf("%s: the error does not list the options: %v", block, err)
		}
		list, _, _ = strings.Cut(list, ", at ")
		for _, option := range strings.Split(list, ", ") {
			if !regexp.MustCompile("(?m)^\\| `" + option + "\\b").Match(data) {
				t.Errorf("docs/caddyfile.md has no row for %s of %s", option, block)
			}
		}
	}
}
