package caddymodule

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.uber.org/zap"

	"github.com/authgate/authgate/internal/secret"
	"github.com/authgate/authgate/store"
)

func init() { caddy.RegisterModule(EtcdStore{}) }

// EtcdStore keeps authgate's state in an etcd cluster, shared by any number of gateways.
type EtcdStore struct {
	// The members' client URLs. Placeholders: global.
	Endpoints []string `json:"endpoints"`

	// The prefix of all keys; it begins and ends with a slash. Default: /authgate/
	Prefix string `json:"prefix,omitempty"`

	// PEM files: the certificate authority of the members, and our certificate and key if they ask for one.
	CAFile   string `json:"ca_file,omitempty"`
	CertFile string `json:"cert_file,omitempty"`
	KeyFile  string `json:"key_file,omitempty"`

	// etcd's user and password. Placeholders: global, best {file.*} or {env.*} for the password.
	User     string `json:"user,omitempty"`
	Password string `json:"password,omitempty"`

	// How long one attempt to connect may take. Default: 5s.
	DialTimeout caddy.Duration `json:"dial_timeout,omitempty"`

	config store.EtcdConfig
}

// CaddyModule returns the Caddy module information.
func (EtcdStore) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "authgate.stores.etcd", New: func() caddy.Module { return new(EtcdStore) }}
}

// Provision resolves placeholders. It does not touch the network.
func (s *EtcdStore) Provision(caddy.Context) error {
	r := resolver{repl: caddy.NewReplacer()}
	s.config = store.EtcdConfig{
		Endpoints: r.texts("endpoints", s.Endpoints), Prefix: s.Prefix,
		CAFile: r.text("tls", s.CAFile), CertFile: r.text("tls", s.CertFile), KeyFile: r.text("tls", s.KeyFile),
		Username: r.text("user", s.User), Password: secret.New(r.text("password", s.Password)),
		DialTimeout: time.Duration(s.DialTimeout),
	}
	if r.err != nil {
		return fmt.Errorf("store etcd: %w", r.err)
	}
	return nil
}

// Validate refuses a store nobody could reach.
func (s *EtcdStore) Validate() error {
	switch {
	case len(s.config.Endpoints) == 0:
		return fmt.Errorf("store etcd: no endpoint; name at least one, as in `store etcd https://10.0.0.1:2379`")
	case (s.CertFile == "") != (s.KeyFile == ""):
		return fmt.Errorf("store etcd: tls takes <ca-file> [<cert-file> <key-file>]; certificate and key go together")
	case (s.User == "") != (s.Password == ""):
		return fmt.Errorf("store etcd: user takes <name> <password>; both or neither")
	}
	return nil
}

// Key implements StoreDriver.
func (s *EtcdStore) Key() string {
	c := s.config
	raw, err := json.Marshal([]any{c.Endpoints, c.Prefix, c.CAFile, c.CertFile, c.KeyFile, c.Username, c.Password.Reveal(), c.DialTimeout})
	if err != nil {
		panic(err) // strings and numbers only
	}
	return string(raw)
}

// KeyPrefix implements StoreDriver.
func (s *EtcdStore) KeyPrefix() string { return cmp.Or(s.config.Prefix, store.DefaultPrefix) }

// Open implements StoreDriver.
func (s *EtcdStore) Open(logger *zap.Logger) (store.Store, error) {
	cfg := s.config
	cfg.Logger = logger
	return store.OpenEtcd(cfg)
}

// UnmarshalCaddyfile reads
//
//	store etcd <endpoint...> {
//		prefix       <prefix>
//		tls          <ca-file> [<cert-file> <key-file>]
//		user         <name> <password>
//		dial_timeout <duration>
//	}
func (s *EtcdStore) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	if d.Val() != "etcd" {
		return d.Errf("expected etcd, got %q", d.Val())
	}
	s.Endpoints = d.RemainingArgs()
	if len(s.Endpoints) == 0 {
		return d.Err("store etcd needs at least one endpoint, as in `store etcd https://10.0.0.1:2379`")
	}
	return readBlock(d, "store etcd",
		text("prefix", &s.Prefix), option{name: "tls", read: s.parseTLS}, option{name: "user", read: s.parseUser},
		duration("dial_timeout", &s.DialTimeout),
	)
}

func (s *EtcdStore) parseTLS(d *caddyfile.Dispenser) error {
	switch files := d.RemainingArgs(); {
	case slices.Contains(files, ""): // would mean the system's authorities, or no certificate
		return d.Err("tls has an empty file name (is the environment variable set?)")
	case len(files) == 1:
		s.CAFile = files[0]
	case len(files) == 3:
		s.CAFile, s.CertFile, s.KeyFile = files[0], files[1], files[2]
	default:
		return d.Err("tls takes <ca-file> [<cert-file> <key-file>]")
	}
	return nil
}

func (s *EtcdStore) parseUser(d *caddyfile.Dispenser) error {
	if !d.AllArgs(&s.User, &s.Password) || s.User == "" || s.Password == "" {
		return d.Err("user takes <name> <password> (is the environment variable set?)")
	}
	return nil
}

var (
	_ caddy.Provisioner     = (*EtcdStore)(nil)
	_ caddy.Validator       = (*EtcdStore)(nil)
	_ StoreDriver           = (*EtcdStore)(nil)
	_ caddyfile.Unmarshaler = (*EtcdStore)(nil)
)
