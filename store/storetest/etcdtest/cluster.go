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

	"go.etcd.io/etcd/server/v3/embed"
)

// startLimit bounds the start of a cluster.
const startLimit = 30 * time.Second

// Config describes a cluster.
type Config struct {
	// Members is how many servers it has. Zero: one.
	Members int
	// TLS makes clients use TLS and show a certificate; peers talk in clear.
	TLS bool
	// Processes makes each member a process of its own, which can be killed and paused; TestMain must call
	// RunMember. Otherwise members run on goroutines, and can be isolated from each other.
	Processes bool
}

// Cluster is a running cluster. Its methods are for one goroutine at a time.
type Cluster struct {
	// Endpoints are the members' client URLs, also of those stopped since.
	Endpoints []string
	// Certs are the files clients need, if the cluster has TLS.
	Certs Certs

	dir     string
	members []*member
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
	if err = c.configure(max(1, cfg.Members), cfg.TLS); err != nil {
		return c, err
	}
	if cfg.Processes {
		return c, c.startProcesses()
	}
	return c, c.startHere()
}

func (c *Cluster) startProcesses() error {
	for _, m := range c.members {
		p, err := m.settings.spawn()
		if err != nil {
			return err
		}
		m.process = p
	}
	for _, m := range c.members {
		if err := m.process.await(); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) startHere() error {
	type started struct {
		m   *member
		e   *embed.Etcd
		err error
	}
	results := make(chan started, len(c.members))
	for _, m := range c.members {
		go func() {
			e, err := m.settings.launch() // the first ones wait in it for the others
			results <- started{m, e, err}
		}()
	}
	var err error
	for range c.members {
		r := <-results
		r.m.etcd, err = r.e, errors.Join(err, r.err)
	}
	if err != nil {
		return err
	}
	for _, m := range c.members {
		if err := await(m.etcd); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) configure(n int, secure bool) error {
	scheme := "http"
	if secure {
		scheme = "https"
	}
	var initial []string
	for i := range n {
		peer, err := freeURL("http")
		if err != nil {
			return err
		}
		client, err := freeURL(scheme)
		if err != nil {
			return err
		}
		s := settings{Name: fmt.Sprint("member-", i), Peer: peer.String(), Client: client.String()}
		s.Dir = filepath.Join(c.dir, s.Name)
		if secure {
			s.ServerCert, s.ServerKey, s.CA = c.Certs.serverCert, c.Certs.serverKey, c.Certs.CA
		}
		initial = append(initial, s.Name+"="+s.Peer)
		c.members = append(c.members, &member{settings: s})
		c.Endpoints = append(c.Endpoints, s.Client)
	}
	for _, m := range c.members {
		m.settings.Initial = strings.Join(initial, ",")
	}
	return nil
}

// StopLeader stops the member that leads, for good, and returns its endpoint. Without a leader it stops
// any.
func (c *Cluster) StopLeader() string {
	at := max(0, c.Leader())
	for !c.members[at].running() {
		at++
	}
	c.members[at].stop()
	return c.Endpoints[at]
}

// Close stops all members and removes their data. It is idempotent.
func (c *Cluster) Close() {
	for _, m := range c.members {
		m.stop()
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
