package etcdtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/transport"
	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"
)

// startLimit bounds the start of a cluster.
const startLimit = 30 * time.Second

// Config describes a cluster.
type Config struct {
	// Members is how many servers it has. Zero: one.
	Members int
	// TLS makes clients use TLS and show a certificate; peers talk in clear.
	TLS bool
}

// Cluster is a running cluster.
type Cluster struct {
	// Endpoints are the members' client URLs.
	Endpoints []string
	// Certs are the files clients need, if the cluster has TLS.
	Certs Certs

	dir     string
	members []*embed.Etcd
}

// Start starts a cluster and waits until it is ready. The caller closes it.
func Start(cfg Config) (*Cluster, error) {
	const attempts = 5 // somebody else may take a port between our finding and using it
	for n := 1; ; n++ {
		c, err := start(cfg)
		if err == nil || n == attempts || !errors.Is(err, syscall.EADDRINUSE) {
			return c, err
		}
	}
}

func start(cfg Config) (c *Cluster, err error) {
	c = &Cluster{}
	defer func() {
		if err != nil {
			c.Close()
		}
	}()
	if c.dir, err = os.MkdirTemp("", "etcdtest"); err != nil {
		return c, err
	}
	if cfg.TLS {
		if c.Certs, err = makeCerts(c.dir); err != nil {
			return c, err
		}
	}
	configs, err := c.configs(max(1, cfg.Members), cfg.TLS)
	if err != nil {
		return c, err
	}
	type started struct {
		e   *embed.Etcd
		err error
	}
	results := make(chan started, len(configs))
	for _, config := range configs {
		go func() {
			e, err := embed.StartEtcd(config)
			results <- started{e, err}
		}()
	}
	for range configs {
		r := <-results
		if r.err != nil {
			err = errors.Join(err, r.err)
			continue
		}
		c.members = append(c.members, r.e)
	}
	if err != nil {
		return c, err
	}
	limit := time.After(startLimit)
	for _, m := range c.members {
		select {
		case <-m.Server.ReadyNotify():
		case <-limit:
			return c, errors.New("the cluster does not get ready")
		}
		c.Endpoints = append(c.Endpoints, m.Config().AdvertiseClientUrls[0].String())
	}
	return c, nil
}

func (c *Cluster) configs(n int, secure bool) ([]*embed.Config, error) {
	scheme := "http"
	if secure {
		scheme = "https"
	}
	configs := make([]*embed.Config, 0, n)
	var initial []string
	for i := range n {
		peer, err := freeURL("http")
		if err != nil {
			return nil, err
		}
		client, err := freeURL(scheme)
		if err != nil {
			return nil, err
		}
		cfg := embed.NewConfig()
		cfg.Name = fmt.Sprint("member-", i)
		cfg.Dir = filepath.Join(c.dir, cfg.Name)
		cfg.ListenPeerUrls, cfg.AdvertisePeerUrls = []url.URL{peer}, []url.URL{peer}
		cfg.ListenClientUrls, cfg.AdvertiseClientUrls = []url.URL{client}, []url.URL{client}
		cfg.TickMs, cfg.ElectionMs = 50, 500
		cfg.BcryptCost = 4
		cfg.EnableGRPCGateway = false
		cfg.ZapLoggerBuilder = embed.NewZapLoggerBuilder(zap.NewNop())
		if secure {
			cfg.ClientTLSInfo = transport.TLSInfo{
				CertFile: c.Certs.serverCert, KeyFile: c.Certs.serverKey, TrustedCAFile: c.Certs.CA, ClientCertAuth: true,
			}
		}
		initial = append(initial, cfg.Name+"="+peer.String())
		configs = append(configs, cfg)
	}
	for _, cfg := range configs {
		cfg.InitialCluster = strings.Join(initial, ",")
	}
	return configs, nil
}

// StopLeader stops the member that leads, for good, and returns its endpoint. Without a leader it stops
// any.
func (c *Cluster) StopLeader() string {
	at := 0
	for i, m := range c.members {
		if m.Server.Leader() == m.Server.MemberID() {
			at = i
		}
	}
	stopped := c.members[at]
	c.members = append(c.members[:at:at], c.members[at+1:]...)
	stopped.Close()
	return stopped.Config().AdvertiseClientUrls[0].String()
}

// Close stops all members and removes their data. It is idempotent.
func (c *Cluster) Close() {
	for _, m := range c.members {
		m.Close()
	}
	c.members = nil
	_ = os.RemoveAll(c.dir)
}

// freeURL returns a URL on a loopback port nobody listens on now.
func freeURL(scheme string) (url.URL, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return url.URL{}, err
	}
	defer l.Close()
	return url.URL{Scheme: scheme, Host: l.Addr().String()}, nil
}
