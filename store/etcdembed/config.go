package etcdembed

import (
	"fmt"
	"runtime"

	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

const (
	// defaultQuota is not etcd's own default of 2 GiB, for which it would map 10 GiB of memory.
	defaultQuota = 2000 << 20
	// maxTxnOps lets a record be deleted with all that hangs on it. etcd's default is 128.
	maxTxnOps = 4096
)

// etcdConfig is the configuration of a single member that nobody can reach over the network.
func etcdConfig(cfg Config, fail func(error)) *embed.Config {
	c := embed.NewConfig()
	c.Name = "authgate"
	c.InitialCluster = c.InitialClusterFromName(c.Name)
	c.Dir = cfg.Dir
	c.ListenPeerUrls, c.ListenClientUrls, c.AdvertiseClientUrls = nil, nil, nil
	c.EnableGRPCGateway = false

	// Alone, a member wins every election; it need not wait a second for rivals.
	c.TickMs, c.ElectionMs = 50, 250

	c.QuotaBackendBytes = cfg.QuotaBytes
	c.MaxTxnOps = maxTxnOps
	c.AutoCompactionMode, c.AutoCompactionRetention = embed.CompactorModePeriodic, "1h"
	// There is no follower to catch up: keep few applied entries in memory. etcd's 5000 would be up to
	// 7 GiB of the largest ones.
	c.SnapshotCount, c.SnapshotCatchUpEntries = 1000, 100

	c.ZapLoggerBuilder = embed.NewZapLoggerBuilder(etcdLogger(cfg.Logger, fail))
	return c
}

// etcdLogger passes on warnings and errors. etcd ends the process, or the goroutine with a panic nobody
// can catch, when its disk or files fail it. That must not take down a proxy for other sites as well: here
// only the goroutine ends, and the server with it. Its callers get ErrUnavailable.
func etcdLogger(logger *zap.Logger, fail func(error)) *zap.Logger {
	hook := fatalHook(fail)
	if logger.Core().Enabled(zapcore.WarnLevel) { // zap complains of raising a level that is higher already
		logger = logger.WithOptions(zap.IncreaseLevel(zapcore.WarnLevel))
	}
	return logger.WithOptions(zap.WrapCore(quiet), zap.WithFatalHook(hook), zap.WithPanicHook(hook))
}

type fatalHook func(error)

// OnWrite implements zapcore.CheckWriteHook.
func (h fatalHook) OnWrite(e *zapcore.CheckedEntry, _ []zapcore.Field) {
	h(fmt.Errorf("embedded store failed: %s", e.Message))
	runtime.Goexit()
}

// quiet drops what is no reason to worry: warnings about an exposure that does not exist without
// listeners, and that a new member has no storage version yet at its first look for it.
func quiet(core zapcore.Core) zapcore.Core { return quietCore{core} }

type quietCore struct{ zapcore.Core }

func (c quietCore) With(fields []zapcore.Field) zapcore.Core { return quietCore{c.Core.With(fields)} }

func (c quietCore) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	switch e.Message {
	case "Running http and grpc server on single port. This is not recommended for production.",
		"simple token is not cryptographically signed",
		"Failed to detect schema version", "failed to update storage version":
		return ce
	}
	return c.Core.Check(e, ce)
}

var _ zapcore.CheckWriteHook = fatalHook(nil)
