package etcdembed

import (
	"context"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

const (
	// maintainEvery is how often the database's size is looked at.
	maintainEvery = time.Minute
	// maintainLimit bounds one round.
	maintainLimit = time.Minute
	// worthwhile is how much free space the database file must hold, and that must be half of it, before
	// it is rewritten: that blocks all calls for a moment.
	worthwhile = 64 << 20
)

// maintain looks after the database until ctx ends.
func (s *Server) maintain(ctx context.Context) {
	tick := time.NewTicker(maintainEvery)
	defer tick.Stop()
	for {
		if err := s.maintainOnce(ctx, worthwhile); err != nil && ctx.Err() == nil {
			s.cfg.Logger.Warn("embedded store: maintenance failed", zap.Error(err))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// maintainOnce defragments when that frees more than the given bytes and more than half of the file, and
// when the quota is used up makes what room it can.
func (s *Server) maintainOnce(ctx context.Context, worthwhile int64) error {
	ctx, cancel := context.WithTimeout(ctx, maintainLimit)
	defer cancel()
	alarms, err := s.client.AlarmList(ctx)
	if err != nil {
		return err
	}
	for _, a := range alarms.Alarms {
		if a.Alarm == etcdserverpb.AlarmType_NOSPACE {
			return s.makeRoom(ctx, (*clientv3.AlarmMember)(a))
		}
	}
	status, err := s.client.Status(ctx, "")
	if err != nil {
		return err
	}
	if free := status.DbSize - status.DbSizeInUse; free > worthwhile && free > status.DbSizeInUse {
		return s.etcd.Backend().Defrag() // not through the client: etcd's in-process one panics
	}
	return nil
}

// makeRoom drops all history, gives the free space back and lifts the ban on writes if a tenth of the
// quota is free then. With less it would soon be back.
func (s *Server) makeRoom(ctx context.Context, alarm *clientv3.AlarmMember) error {
	resp, err := s.client.Get(ctx, "\x00", clientv3.WithCountOnly())
	if err != nil {
		return err
	}
	// Compacting what is compacted already is refused; the rest is still to do then.
	_, _ = s.client.Compact(ctx, resp.Header.Revision, clientv3.WithCompactPhysical())
	if err = s.etcd.Backend().Defrag(); err != nil {
		return err
	}
	status, err := s.client.Status(ctx, "")
	if err != nil {
		return err
	}
	if status.DbSize > s.cfg.QuotaBytes/10*9 {
		s.cfg.Logger.Error("embedded store is full, writes are refused: delete records",
			zap.Int64("bytes", status.DbSize), zap.Int64("quota_bytes", s.cfg.QuotaBytes))
		return nil
	}
	if _, err = s.client.AlarmDisarm(ctx, alarm); err != nil {
		return err
	}
	s.cfg.Logger.Warn("embedded store was full, made room", zap.Int64("bytes", status.DbSize))
	return nil
}
