// Package embedded is the guest module authgate.stores.embedded: an etcd server inside this process,
// without listeners, for a gateway on one machine. It is a package of its own so that builds without it do
// not link the etcd server. It imports Caddy, caddymodule, store and store/etcdembed.
package embedded

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.uber.org/zap"

	"github.com/authgate/authgate/caddymodule"
	"github.com/authgate/authgate/store"
	"github.com/authgate/authgate/store/etcdembed"
)

func init() { caddy.RegisterModule(Store{}) }

// servers holds one running server for each data directory: two configurations overlap during a reload,
// and the directory is locked.
var servers = caddy.NewUsagePool()

// Store keeps authgate's state in an embedded etcd.
type Store struct {
	// The data directory; made with mode 0700. Placeholders: global. Default: authgate/etcd in Caddy's
	// data directory.
	Dir string `json:"dir,omitempty"`

	dir string
}

// CaddyModule returns the Caddy module information.
func (Store) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "authgate.stores.embedded", New: func() caddy.Module { return new(Store) }}
}

// Provision resolves the directory.
func (s *Store) Provision(caddy.Context) error {
	dir := s.Dir
	if dir == "" {
		dir = filepath.Join(caddy.AppDataDir(), "authgate", "etcd")
	}
	dir, err := caddy.NewReplacer().ReplaceOrErr(dir, true, true)
	if err != nil {
		return fmt.Errorf("store embedded: %w", err)
	}
	if s.dir, err = filepath.Abs(dir); err != nil {
		return fmt.Errorf("store embedded: %w", err)
	}
	if info, err := os.Stat(s.dir); err == nil && !info.IsDir() {
		return fmt.Errorf("store embedded: %s is not a directory", s.dir)
	}
	return nil
}

// Key implements caddymodule.StoreDriver.
func (s *Store) Key() string { return s.dir }

// Open implements caddymodule.StoreDriver.
func (s *Store) Open(logger *zap.Logger) (store.Store, error) {
	return &lateStore{dir: s.dir, log: logger, started: make(chan struct{})}, nil
}

type runningServer struct{ *etcdembed.Server }

// Destruct implements caddy.Destructor.
func (r runningServer) Destruct() error { return r.Close() }

// UnmarshalCaddyfile reads `store embedded [<dir>]`.
func (s *Store) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	if d.NextArg() {
		if s.Dir = d.Val(); s.Dir == "" { // would mean the default one
			return d.Err("store embedded has an empty directory (is the environment variable set?)")
		}
	}
	if d.NextArg() {
		return d.ArgErr()
	}
	if d.NextBlock(0) {
		return d.Errf("store embedded takes no block, but has %q", d.Val())
	}
	return nil
}

var (
	_ caddy.Provisioner       = (*Store)(nil)
	_ caddyfile.Unmarshaler   = (*Store)(nil)
	_ caddymodule.StoreDriver = (*Store)(nil)
)
