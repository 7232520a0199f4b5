package caddymodule_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"
)

// etcdServer is an external etcd as gateways see it: on a loopback port of the test process.
type etcdServer struct {
	URL     string
	keyFile string // of the gateways that use it
	cfg     *embed.Config

	plaintext bool // some gateway stores in clear
	running   *embed.Etcd
}

func startEtcd(t testing.TB) *etcdServer {
	t.Helper()
	address := url.URL{Scheme: "http", Host: fmt.Sprintf("127.0.0.1:%d", freePort(t))}
	cfg := embed.NewConfig()
	cfg.Dir = t.TempDir()
	cfg.ListenPeerUrls = nil
	cfg.ListenClientUrls, cfg.AdvertiseClientUrls = []url.URL{address}, []url.URL{address}
	cfg.ZapLoggerBuilder = embed.NewZapLoggerBuilder(zap.NewNop())
	cfg.UnsafeNoFsync = true
	e := &etcdServer{URL: address.String(), keyFile: newKeyFile(t), cfg: cfg}
	e.start(t)
	t.Cleanup(func() {
		e.stop()
		if e.plaintext {
			return
		}
		for _, leak := range leaks(t, cfg.Dir) {
			t.Errorf("stored in clear: %s", leak)
		}
	})
	return e
}

func (e *etcdServer) start(t testing.TB) {
	t.Helper()
	running, err := embed.StartEtcd(e.cfg)
	if err != nil {
		t.Fatalf("starting etcd: %v", err)
	}
	e.running = running
	select {
	case <-running.Server.ReadyNotify():
	case <-time.After(time.Minute):
		t.Fatal("etcd does not get ready")
	}
}

// stop ends the server, as a crash of the whole cluster would. It may be called twice.
func (e *etcdServer) stop() {
	if e.running != nil {
		e.running.Close()
		e.running = nil
	}
}

// store is the Caddyfile's lines for this etcd, encrypted, below a prefix of its own.
func (e *etcdServer) store(prefix string) string {
	return e.storeWith(prefix, "encryption_key_file "+e.keyFile)
}

// storeWith is store with other lines about encryption.
func (e *etcdServer) storeWith(prefix, encryption string) string {
	if strings.Contains(encryption, plaintextOption) {
		e.plaintext = true
	}
	return fmt.Sprintf("store etcd %s {\n\t\t\tprefix /%s/\n\t\t}\n\t\t%s", e.URL, prefix, encryption)
}
