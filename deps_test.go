// Package authgate_test holds the test of the import layers; the module's root has no package of its own.
package authgate_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const module = "github.com/authgate/authgate"

// layer says what a package may import beside the standard library and its own subpackages. A name
// ending in "/..." stands for everything below it. design.md gives the layers; why says the reason.
type layer struct {
	pkg   string
	allow []string
	why   string
}

const (
	zap      = "go.uber.org/zap/..."
	caddy    = "github.com/caddyserver/caddy/v2/..."
	etcd     = "go.etcd.io/etcd/..."
	internal = module + "/internal/..."
)

var layers = []layer{
	{"internal", nil, "L0 is below everything: with dependencies of its own it would drag them everywhere"},
	{"store", []string{
		internal, zap, "github.com/hashicorp/golang-lru/v2/...",
		"go.etcd.io/etcd/client/...", "go.etcd.io/etcd/api/...", "google.golang.org/grpc/...",
	}, "L1: the store is an etcd client; the server (store/etcdembed) and Caddy must stay out of every data-plane build"},
	{"store/storetest", []string{internal, zap, module + "/store", "pgregory.net/rapid", etcd, "go.uber.org/goleak"},
		"the conformance suite runs servers, so only tests import it"},
	{"store/storetest/etcdtest", []string{internal, zap, module + "/store", etcd, "go.uber.org/goleak"},
		"etcd servers with listeners, for tests only"},
	{"store/etcdembed", []string{internal, zap, module + "/store", etcd, "google.golang.org/grpc/...", "go.etcd.io/bbolt/..."},
		"L1: the etcd server, alone in its package so that others need not link it"},
	{"store/seal", []string{internal, zap, module + "/store"},
		"L1: encryption is a Store around a Store, with the standard library's cryptography only"},
	{"authn", []string{
		internal, zap, "github.com/coreos/go-oidc/v3/...", "github.com/golang-jwt/jwt/v5/...", "github.com/go-jose/go-jose/v4/...",
		"github.com/hashicorp/golang-lru/v2/...",
	}, "L2: authentication must work, and be judged, without a store and without Caddy"},
	{"authn/authntest", []string{internal, module + "/authn", "github.com/golang-jwt/jwt/v5/...", "github.com/go-jose/go-jose/v4/..."},
		"a test issuer, for tests of every layer above"},
	{"token", []string{internal, zap, module + "/store", "github.com/golang-jwt/jwt/v5", "github.com/google/uuid"},
		"L2: signing keys and the form of our tokens; what a token means is for the capabilities above"},
	{"roles", []string{internal, module + "/store"},
		"L2: what a role allows is asked by every API, so it knows none of them"},
	{"m2m", []string{internal, zap, module + "/store", module + "/authn", module + "/roles", "github.com/google/uuid"},
		"L3: a capability knows the store, the principal and the roles, never its siblings, HTTP APIs or Caddy"},
	{"authmethods", []string{internal, zap, module + "/store", module + "/authn", "github.com/google/uuid", "github.com/hashicorp/golang-lru/v2/..."},
		"L3: a capability knows the store and the principal, never its siblings, HTTP APIs or Caddy"},
	{"admin/audit", []string{internal, zap, module + "/store"},
		"L4: the audit log knows entries and a store, not the objects they tell of"},
	{"admin", []string{internal, zap, module + "/admin/audit", module + "/authmethods", module + "/authn", module + "/store"},
		"L4: the management APIs are net/http, so that they can be tested and mounted without Caddy"},
	{"admin/cli", []string{internal, module + "/store/seal", "github.com/spf13/cobra", "golang.org/x/term"},
		"a client speaks HTTP: it knows nothing of the servers' types, and so works against other versions of them"},
	{"admin/admintest", []string{internal, module + "/authn/authntest"},
		"the suite of the management APIs speaks HTTP only, so that it can run against anything that serves them"},
	{"admin/openapitest", []string{internal, "github.com/santhosh-tekuri/jsonschema/v6/..."},
		"judges answers by the API's document, for tests only"},
	{"caddymodule", []string{
		internal, zap, caddy, module + "/admin", module + "/admin/audit", module + "/admin/cli", module + "/authmethods", module + "/authn", module + "/store", module + "/store/seal",
		"github.com/golang-jwt/jwt/v5", "github.com/prometheus/client_golang/...", "github.com/spf13/cobra", "github.com/dustin/go-humanize",
	}, "L5: with cmd the only place for Caddy; it must not link the etcd server, which is a guest module"},
	{"caddymodule/embedded", []string{internal, zap, caddy, module + "/caddymodule", module + "/store", module + "/store/etcdembed", module + "/store/seal"},
		"L5: the guest that brings the etcd server, and nothing else"},
	{"cmd/authgate", []string{caddy, module + "/caddymodule", module + "/caddymodule/embedded"}, "L6: wiring only"},
}

type pkgInfo struct {
	ImportPath string
	Imports    []string
	Standard   bool
}

func TestImportLayers(t *testing.T) {
	t.Parallel()
	for _, p := range goList(t, "./...") {
		rel := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		if rel == "" {
			continue
		}
		l, ok := layerOf(rel)
		if !ok {
			t.Errorf("%s belongs to no layer; add it to the table with a reason", rel)
			continue
		}
		for _, imp := range p.Imports {
			if strings.Contains(strings.SplitN(imp, "/", 2)[0], ".") && !allowed(l, imp) {
				t.Errorf("%s must not import %s: %s", rel, imp, l.why)
			}
		}
	}
}

// TestDataPlaneIsLight holds the sidecar build to its promise.
func TestDataPlaneIsLight(t *testing.T) {
	t.Parallel()
	banned := map[string]string{
		"go.etcd.io/etcd/server/":        "the etcd server costs memory and size that a sidecar of an external store has no use for",
		"k8s.io/":                        "Kubernetes libraries serve the OAuth API only",
		module + "/admin":                "the management APIs are no part of the data plane",
		module + "/store/etcdembed":      "the embedded store",
		module + "/caddymodule/embedded": "the embedded store's module",
		module + "/authn/authntest":      "tests only",
		module + "/store/storetest":      "tests only",
	}
	for _, p := range goList(t, "-deps", "-tags", "authgate_sidecar", "./cmd/authgate") {
		for prefix, why := range banned {
			if p.ImportPath == prefix || strings.HasPrefix(p.ImportPath, prefix) {
				t.Errorf("the data plane links %s: %s", p.ImportPath, why)
			}
		}
	}
}

// TestProductHasNoTestPackages keeps what only tests need out of the full build.
func TestProductHasNoTestPackages(t *testing.T) {
	t.Parallel()
	for _, p := range goList(t, "-deps", "./cmd/authgate") {
		for _, banned := range []string{
			module + "/admin/admintest", module + "/admin/openapitest", module + "/authn/authntest", module + "/store/storetest",
			"github.com/santhosh-tekuri/jsonschema", "pgregory.net/rapid", "go.uber.org/goleak",
		} {
			if p.ImportPath == banned || strings.HasPrefix(p.ImportPath, banned+"/") {
				t.Errorf("the product links %s, which is for tests", p.ImportPath)
			}
		}
	}
}

// layerOf finds the longest table entry that covers a package.
func layerOf(rel string) (layer, bool) {
	var best layer
	found := false
	for _, l := range layers {
		if (rel == l.pkg || l.pkg == "internal" && strings.HasPrefix(rel, "internal/")) && len(l.pkg) >= len(best.pkg) {
			best, found = l, true
		}
	}
	return best, found
}

func allowed(l layer, imp string) bool {
	for _, a := range l.allow {
		if prefix, tree := strings.CutSuffix(a, "/..."); imp == prefix || tree && strings.HasPrefix(imp, prefix+"/") {
			return true
		}
	}
	return false
}

func goList(t *testing.T, args ...string) []pkgInfo {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Imports,Standard"}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	root, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	var pkgs []pkgInfo
	dec := json.NewDecoder(bufio.NewReader(bytes.NewReader(out)))
	for {
		var p pkgInfo
		if err := dec.Decode(&p); err == io.EOF {
			return pkgs
		} else if err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
}
