package store

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/internal/secret"
)

// DefaultPrefix is where authgate's keys lie in a cluster it shares with others.
const DefaultPrefix = "/authgate/"

// EtcdConfig says how to reach an external etcd cluster.
type EtcdConfig struct {
	// Endpoints are the members' client URLs, all https or all http. At least one.
	Endpoints []string
	// Prefix begins every key and must end in "/". Empty: DefaultPrefix.
	Prefix string
	// CAFile holds the PEM certificates a member's certificate must lead to. Empty: the system's.
	CAFile string
	// CertFile and KeyFile are the client certificate, both or neither. They are read for each connection.
	CertFile, KeyFile string
	// Username and Password are etcd's own authentication, both or neither.
	Username string
	Password secret.String
	// DialTimeout bounds reaching one member. Zero: 5 s.
	DialTimeout time.Duration
	// Logger gets the client's errors. Nil: none.
	Logger *zap.Logger
}

// OpenEtcd returns a Store on an external cluster. It checks the configuration and reads the files, but
// does not wait for the network: calls fail with ErrUnavailable until a member answers.
func OpenEtcd(cfg EtcdConfig) (Store, error) {
	if cfg.Prefix == "" {
		cfg.Prefix = DefaultPrefix
	}
	if err := checkRoot(cfg.Prefix); err != nil {
		return nil, &fault.Error{Kind: fault.Invalid, Op: "opening etcd", Field: "prefix", Err: err}
	}
	client, err := DialEtcd(cfg)
	if err != nil {
		return nil, err
	}
	return NewEtcd(client, cfg.Prefix, true), nil
}

// DialEtcd returns the client OpenEtcd uses, for a caller that needs more of etcd than a Store shows. It
// ignores Prefix. The caller closes it.
func DialEtcd(cfg EtcdConfig) (*clientv3.Client, error) {
	const op = "opening etcd"
	secure, err := checkEndpoints(cfg.Endpoints)
	if err != nil {
		return nil, &fault.Error{Kind: fault.Invalid, Op: op, Field: "endpoints", Err: err}
	}
	if (cfg.Username == "") != cfg.Password.Empty() {
		return nil, fault.New(fault.Invalid, op, "user", "name and password go together")
	}
	tlsConfig, err := cfg.tls(secure)
	if err != nil {
		return nil, &fault.Error{Kind: fault.Invalid, Op: op, Field: "tls", Err: err}
	}
	if cfg.DialTimeout <= 0 {
		cfg.DialTimeout = 5 * time.Second
	}
	if cfg.Logger == nil {
		cfg.Logger = zap.NewNop()
	}
	// The client warns of every single retry; that the store is away is the Feed's to say.
	quiet := cfg.Logger
	if quiet.Core().Enabled(zapcore.ErrorLevel) { // zap complains of raising a level that is higher already
		quiet = quiet.WithOptions(zap.IncreaseLevel(zapcore.ErrorLevel))
	}
	config := clientv3.Config{
		Endpoints:   cfg.Endpoints,
		DialTimeout: cfg.DialTimeout,
		// A member that vanished without a word is noticed by pings, not by the calls it swallows.
		DialKeepAliveTime:    10 * time.Second,
		DialKeepAliveTimeout: 3 * time.Second,
		TLS:                  tlsConfig,
		Logger:               quiet,
	}
	if cfg.Username != "" {
		// Given a name and password clientv3.New logs in before it returns, and so waits for the network.
		// Given a token it does not. The placeholder is refused by the server at the first call, upon
		// which the client logs in with what is set below.
		config.Token = "none"
	}
	client, err := clientv3.New(config)
	if err != nil {
		return nil, unavailable(op, err)
	}
	if cfg.Username != "" {
		client.Token, client.Username, client.Password = "", cfg.Username, cfg.Password.Reveal()
	}
	return client, nil
}

func (cfg EtcdConfig) tls(secure bool) (*tls.Config, error) {
	if (cfg.CertFile == "") != (cfg.KeyFile == "") {
		return nil, errors.New("certificate and key go together")
	}
	if !secure {
		if cfg.CAFile != "" || cfg.CertFile != "" {
			return nil, errors.New("set for endpoints that are not https")
		}
		return nil, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if cfg.CAFile != "" {
		pem, err := os.ReadFile(cfg.CAFile)
		if err != nil {
			return nil, fmt.Errorf("reading the CA file: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, errors.New("the CA file holds no certificate") // specs M1: never an open door
		}
	}
	if cfg.CertFile != "" {
		// Read anew for each connection: a certificate that is renewed in place is used without a restart.
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			cert, err := tls.LoadX509KeyPair(cfg.CertFile, cfg.KeyFile)
			return &cert, err
		}
		if _, err := config.GetClientCertificate(nil); err != nil {
			return nil, fmt.Errorf("reading the client certificate: %w", err)
		}
	}
	return config, nil
}

// checkEndpoints reports whether the endpoints are https. A mixture is refused: the client decides by the
// first one, and would send the password to the others in clear.
func checkEndpoints(endpoints []string) (secure bool, err error) {
	if len(endpoints) == 0 {
		return false, errors.New("none given")
	}
	for i, e := range endpoints {
		https := strings.HasPrefix(e, "https://")
		if !https && !strings.HasPrefix(e, "http://") {
			return false, errors.New("must be http or https URLs")
		}
		if i > 0 && https != secure {
			return false, errors.New("must be all https or all http")
		}
		secure = https
	}
	return secure, nil
}

// checkRoot checks a store's own prefix, which may begin with "/".
func checkRoot(prefix string) error {
	if prefix == "" || checkPrefix(strings.TrimPrefix(prefix, "/")) != nil || prefix == "/" {
		return fmt.Errorf("%w: a prefix is a path that ends in \"/\"", errKey)
	}
	return nil
}
