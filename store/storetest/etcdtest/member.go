package etcdtest

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/transport"
	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"
)

// member is one server: on goroutines of this process, or a process of its own.
type member struct {
	settings settings
	etcd     *embed.Etcd // in this process, while it runs
	process  *process    // or as its own, while it runs
}

// settings are what a member is started with; as JSON they go to a member's own process.
type settings struct {
	Name, Dir, Peer, Client, Initial string
	ServerCert, ServerKey, CA        string // of TLS for clients; empty: none
}

func (s settings) config() (*embed.Config, error) {
	peer, err := url.Parse(s.Peer)
	if err != nil {
		return nil, err
	}
	client, err := url.Parse(s.Client)
	if err != nil {
		return nil, err
	}
	cfg := embed.NewConfig()
	cfg.Name, cfg.Dir, cfg.InitialCluster = s.Name, s.Dir, s.Initial
	cfg.ListenPeerUrls, cfg.AdvertisePeerUrls = []url.URL{*peer}, []url.URL{*peer}
	cfg.ListenClientUrls, cfg.AdvertiseClientUrls = []url.URL{*client}, []url.URL{*client}
	cfg.TickMs, cfg.ElectionMs = 50, 500
	cfg.BcryptCost = 4
	cfg.EnableGRPCGateway = false
	cfg.ZapLoggerBuilder = embed.NewZapLoggerBuilder(zap.NewNop())
	if s.CA != "" {
		cfg.ClientTLSInfo = transport.TLSInfo{
			CertFile: s.ServerCert, KeyFile: s.ServerKey, TrustedCAFile: s.CA, ClientCertAuth: true,
		}
	}
	return cfg, nil
}

// launch starts a member in this process. It is ready when await returns.
func (s settings) launch() (*embed.Etcd, error) {
	cfg, err := s.config()
	if err != nil {
		return nil, err
	}
	return embed.StartEtcd(cfg)
}

func await(e *embed.Etcd) error {
	limit := time.NewTimer(startLimit)
	defer limit.Stop()
	select {
	case <-e.Server.ReadyNotify():
		return nil
	case <-e.Server.StopNotify():
		return errors.New("the member stopped by itself")
	case <-limit.C:
		return errors.New("the member does not get ready")
	}
}

func (m *member) running() bool { return m.etcd != nil || m.process != nil }

func (m *member) stop() {
	if m.etcd != nil {
		m.etcd.Close()
		m.etcd = nil
	}
	if m.process != nil {
		m.process.kill()
		m.process = nil
	}
}

// asMember has a test binary be a member; its value is the settings.
const asMember = "AUTHGATE_ETCDTEST_MEMBER"

// RunMember is what TestMain of a package whose clusters have Processes must call first. In a process that
// was started to be a member it does not return.
func RunMember() {
	text, ok := os.LookupEnv(asMember)
	if !ok {
		return
	}
	if err := runMember(text); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(0)
}

// self is the command that runs this program again.
func self() (*exec.Cmd, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return exec.Command(program), nil
}
