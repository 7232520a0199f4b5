package contestant

import (
	"debug/buildinfo"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// World is what a contestant is configured for.
type World struct {
	Upstream  string              // host:port
	Issuer    string              // URL
	PublicPEM func(string) string // public key file of an algorithm
	SameGOGC  string              // for caddy-gogc; empty while unknown
	GOGC      string              // forced on authgate; empty lets it tune itself
	BinDir    string              // built binaries, and NAME.why where a build failed
	CPUs      string              // taskset list contestants run on; empty for all
	Sidecar   string              // address of the etcd for authgate-sidecar; empty without one
}

// Spec is one row of the comparison.
type Spec struct {
	Name   string
	What   string // one line for the table
	Binary string // file in World.BinDir, or a program on PATH
	Module string // Go module whose version is the row's version; empty: ask the program
	Gate   bool   // refuses requests without a valid token

	// configure writes what the program needs below dir.
	configure func(w World, dir string) (setup, error)
}

// setup is how to start one process and where it answers.
type setup struct {
	args  []string
	env   []string // added to a minimal environment
	addr  string   // host:port of the proxy
	admin string   // host:port of Caddy's admin endpoint, or ""
}

// ErrMissing marks a contestant that cannot take part; the message says why.
var ErrMissing = errors.New("not available")

// All lists the contestants, the yardstick first.
func All() []Spec {
	return []Spec{caddy(), caddyGOGC(), authgate(), caddySecurity(), oauth2Proxy(), oathkeeper(), haproxy()}
}

// Find is the program of s, or ErrMissing and why there is none.
func (s Spec) Find(w World) (string, error) {
	if !strings.Contains(s.Binary, "/") {
		path := filepath.Join(w.BinDir, s.Binary)
		if _, err := os.Stat(path); err == nil {
			return path, nil
		} else if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	if why, err := os.ReadFile(filepath.Join(w.BinDir, s.Binary+".why")); err == nil {
		return "", fmt.Errorf("%w: %s", ErrMissing, strings.TrimSpace(string(why)))
	}
	path, err := exec.LookPath(s.Binary)
	if err != nil {
		return "", fmt.Errorf("%w: no program %s", ErrMissing, s.Binary)
	}
	return path, nil
}

// Version is what the program says it is.
func (s Spec) Version(path string) string {
	if s.Module == "" {
		out, err := exec.Command(path, "-v").Output()
		line, _, _ := strings.Cut(string(out), "\n")
		if err != nil || line == "" {
			return "unknown"
		}
		fields := strings.Fields(line)
		return fields[min(2, len(fields)-1)]
	}
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return "unknown"
	}
	if info.Main.Path == s.Module {
		return info.Main.Version + ", " + info.GoVersion
	}
	for _, dep := range info.Deps {
		if dep.Path == s.Module {
			return dep.Version + ", " + info.GoVersion
		}
	}
	return info.GoVersion
}

// freeAddrs is n of them, all different.
func freeAddrs(n int) ([]string, error) {
	out := make([]string, n)
	for i := range out {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer func() { _ = ln.Close() }() // held until all are chosen
		out[i] = ln.Addr().String()
	}
	return out, nil
}

func write(dir, name, content string) (string, error) {
	path := filepath.Join(dir, name)
	return path, os.WriteFile(path, []byte(content), 0o600)
}
