package main

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"time"

	"github.com/authgate/authgate/bench/contestant"
	"github.com/authgate/authgate/bench/report"
	"github.com/authgate/authgate/bench/tokenset"
)

// idle measures processes that have started and serve nothing: of those that
// take part, bare Caddy, the full authgate, and then the sidecar build with the
// etcd it needs beside it.
func (a *arena) idle(ctx context.Context, present []contestant.Spec) {
	set, err := a.keys.Load(a.o.out, tokenset.RS256, a.issuer.URL(), 1)
	if err != nil {
		note("idle: %s", err)
		return
	}
	var specs []contestant.Spec
	for _, s := range present {
		switch s.Name {
		case "caddy":
			specs = append(specs, s)
		case "authgate":
			specs = append(specs, s, contestant.Sidecar())
		}
	}
	for _, s := range specs {
		row, err := a.idleOne(ctx, s, set)
		if err != nil {
			row = report.Idle{Missing: err.Error()}
		}
		row.Contestant = s.Name
		a.results.Idle = append(a.results.Idle, row)
	}
}

func (a *arena) idleOne(ctx context.Context, s contestant.Spec, set *tokenset.Set) (report.Idle, error) {
	if _, err := s.Find(a.world); err != nil {
		return report.Idle{}, err
	}
	if s.Name == contestant.Sidecar().Name {
		etcd, err := a.startEtcd(ctx)
		if err != nil {
			return report.Idle{}, err
		}
		defer etcd.Stop()
		a.world.Sidecar = etcd.Addr
	}
	p, err := a.start(ctx, s, set)
	if err != nil {
		return report.Idle{}, err
	}
	defer p.Stop()
	before, err := p.Usage()
	if err != nil {
		return report.Idle{}, err
	}
	if err := sleep(ctx, a.o.idle); err != nil {
		return report.Idle{}, err
	}
	after, err := p.Usage()
	if err != nil {
		return report.Idle{}, err
	}
	return report.Idle{
		Seconds: a.o.idle.Seconds(), RSSKiB: after.RSSKiB, PeakKiB: after.PeakKiB,
		CPUPercent: 100 * float64(after.CPUMicros-before.CPUMicros) / float64(a.o.idle.Microseconds()),
	}, nil
}

// startEtcd waits until etcd takes connections, for ten seconds at most.
func (a *arena) startEtcd(ctx context.Context) (*contestant.Process, error) {
	etcd, err := contestant.Start(contestant.Etcd(), a.world, filepath.Join(a.dir, "etcd"))
	if err != nil {
		return nil, err
	}
	for range 100 {
		conn, err := net.DialTimeout("tcp", etcd.Addr, time.Second)
		if err == nil {
			return etcd, conn.Close()
		}
		if err := sleep(ctx, 100*time.Millisecond); err != nil {
			break
		}
	}
	etcd.Stop()
	return nil, errors.New("the etcd beside it did not start")
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
