package etcdembed

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"
)

// etcd's Fatal and Panic end the goroutine that cannot go on, never the process, and are remembered.
func TestFatalEndsTheGoroutineOnly(t *testing.T) {
	t.Parallel()
	for name, logged := range map[string]func(*zap.Logger){
		"fatal":        func(l *zap.Logger) { l.Fatal("disk on fire") },
		"panic":        func(l *zap.Logger) { l.Panic("disk on fire") },
		"named, sugar": func(l *zap.Logger) { l.Named("raft").With(zap.Int("n", 1)).Sugar().Panic("disk on fire") },
	} {
		var failure error
		ended, survived := make(chan struct{}), false
		logger := etcdLogger(zap.NewNop(), func(err error) { failure = err })
		go func() {
			defer close(ended)
			logged(logger)
			survived = true
		}()
		<-ended
		if survived || failure == nil || !strings.Contains(failure.Error(), "disk on fire") {
			t.Errorf("%s: went on: %v, failure: %v", name, survived, failure)
		}
	}
}

func TestConfigKeepsData(t *testing.T) {
	t.Parallel()
	c := etcdConfig(Config{Dir: "x", QuotaBytes: defaultQuota, Logger: zap.NewNop()}, func(error) {})
	if c.UnsafeNoFsync || c.ForceNewCluster {
		t.Error("the configuration may lose data")
	}
	if len(c.ListenPeerUrls)+len(c.ListenClientUrls)+len(c.ListenMetricsUrls)+len(c.ListenClientHttpUrls) != 0 {
		t.Error("the configuration has listeners")
	}
}

// Nobody can reach the server over the network: the process listens nowhere. (Where the kernel does not
// tell, only the configuration is checked, above.)
func TestNoListener(t *testing.T) {
	s, err := Start(Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	<-s.Ready()
	listening := make(map[string]string) // by inode
	for _, table := range []string{"tcp", "tcp6"} {
		f, err := os.Open("/proc/self/net/" + table)
		if err != nil {
			continue
		}
		for lines := bufio.NewScanner(f); lines.Scan(); {
			if fields := strings.Fields(lines.Text()); len(fields) > 9 && fields[3] == "0A" {
				listening["socket:["+fields[9]+"]"] = fields[1]
			}
		}
		_ = f.Close()
	}
	fds, _ := filepath.Glob("/proc/self/fd/*")
	for _, fd := range fds {
		if target, err := os.Readlink(fd); err == nil && listening[target] != "" {
			t.Errorf("the process listens on %s", listening[target])
		}
	}
}
