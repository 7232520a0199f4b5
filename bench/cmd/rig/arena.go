package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/authgate/authgate/bench/contestant"
	"github.com/authgate/authgate/bench/load"
	"github.com/authgate/authgate/bench/origin"
	"github.com/authgate/authgate/bench/report"
	"github.com/authgate/authgate/bench/tokenset"
)

// arena holds what all contestants share.
type arena struct {
	o        options
	dir      string // temporary, one folder per started process
	started  int
	keys     *tokenset.Keys
	issuer   *origin.Issuer
	upstream *origin.Upstream
	sets     map[workload]*tokenset.Set
	world    contestant.World
	wrk      load.Wrk
	results  report.Results
}

func newArena(o options) (*arena, error) {
	keys, err := tokenset.LoadKeys(filepath.Join(o.out, "keys"))
	if err != nil {
		return nil, err
	}
	a := &arena{o: o, keys: keys, sets: map[workload]*tokenset.Set{}}
	if a.dir, err = os.MkdirTemp("", "authgate-bench-"); err != nil {
		return nil, err
	}
	if a.issuer, err = origin.ListenIssuer(filepath.Join(o.out, "issuer-port")); err != nil {
		a.close()
		return nil, err
	}
	a.issuer.Serve(keys.JWKS(), tokenset.RS256, tokenset.ES256)
	if a.upstream, err = origin.ServeUpstream(); err != nil {
		a.close()
		return nil, err
	}
	a.wrk = load.Wrk{Script: filepath.Join(a.dir, "tokens.lua"), Connections: o.connections, Threads: o.threads}
	if err := load.WriteScript(a.wrk.Script); err != nil {
		a.close()
		return nil, err
	}
	a.world = contestant.World{
		Upstream: a.upstream.Addr(), Issuer: a.issuer.URL(), PublicPEM: keys.PublicPEM,
		BinDir: filepath.Join(o.out, "bin"), CPUs: o.cpus,
	}
	return a, nil
}

func (a *arena) close() {
	if a.issuer != nil {
		a.issuer.Close()
	}
	if a.upstream != nil {
		a.upstream.Close()
	}
	_ = os.RemoveAll(a.dir)
}

func (a *arena) loadSets(workloads []workload) error {
	for _, w := range workloads {
		set, err := a.keys.Load(a.o.out, w.alg, a.issuer.URL(), w.tokens)
		if err != nil {
			return err
		}
		a.sets[w] = set
	}
	return nil
}

// compare runs every workload, writing what there is after each.
func (a *arena) compare(ctx context.Context, specs []contestant.Spec, workloads []workload) error {
	a.results.Machine = machine()
	a.results.Settings = report.Settings{
		Rounds: a.o.rounds, Seconds: a.o.duration.Seconds(), Connections: a.o.connections, Threads: a.o.threads,
		ContestantOn: a.o.cpus, LoadOn: a.o.loadCPUs,
	}
	if a.results.Machine.Load1 > 0.3*float64(a.results.Machine.Cores) {
		note("load average %.2f: something else is running, the numbers will be poor", a.results.Machine.Load1)
	}
	a.settleGC(ctx, a.sets[workloads[0]])
	present := a.present(specs)
	if len(present) == 0 {
		return errors.New("no contestant is available")
	}
	for _, w := range workloads {
		if err := a.workload(ctx, w, present); err != nil {
			return errors.Join(err, a.save())
		}
		if err := a.save(); err != nil {
			return err
		}
	}
	if a.o.idle > 0 {
		a.idle(ctx, present)
	}
	if err := a.save(); err != nil {
		return err
	}
	return report.Markdown(os.Stdout, a.results)
}

// present lists the contestants that can be started, and records the others.
func (a *arena) present(specs []contestant.Spec) []contestant.Spec {
	var out []contestant.Spec
	for _, s := range specs {
		c := report.Contestant{Name: s.Name, What: s.What}
		path, err := s.Find(a.world)
		if err == nil && s.Name == "caddy-gogc" && a.world.SameGOGC == "" {
			err = fmt.Errorf("%w: %s", contestant.ErrMissing, a.results.Settings.GOGCFrom)
		}
		if err != nil {
			c.Missing = strings.TrimPrefix(err.Error(), contestant.ErrMissing.Error()+": ")
			note("%s is missing: %s", s.Name, c.Missing)
		} else {
			c.Version = s.Version(path)
			out = append(out, s)
		}
		a.results.Contestants = append(a.results.Contestants, c)
	}
	return out
}

// start runs a contestant and waits until it does what a row requires.
func (a *arena) start(ctx context.Context, s contestant.Spec, set *tokenset.Set) (*contestant.Process, error) {
	a.started++
	p, err := contestant.Start(s, a.world, filepath.Join(a.dir, fmt.Sprintf("%03d-%s", a.started, s.Name)))
	if err != nil {
		return nil, err
	}
	if err := p.Ready(ctx, set.Spare, set.Forged); err != nil {
		p.Stop()
		return nil, err
	}
	return p, nil
}

// settleGC decides what GOGC caddy-gogc gets.
func (a *arena) settleGC(ctx context.Context, set *tokenset.Set) {
	s := &a.results.Settings
	if a.o.gogc != "auto" {
		a.world.GOGC, a.world.SameGOGC = a.o.gogc, a.o.gogc
		s.GOGC, s.GOGCFrom = a.o.gogc, "given, authgate runs with it too"
		return
	}
	gogc, how, err := a.measureGC(ctx, set)
	if err != nil {
		s.GOGCFrom = "authgate's setting could not be read: " + err.Error()
		return
	}
	a.world.SameGOGC, s.GOGC, s.GOGCFrom = gogc, gogc, how
	note("caddy-gogc runs with GOGC=%s: %s", gogc, how)
}

func (a *arena) measureGC(ctx context.Context, set *tokenset.Set) (gogc, how string, err error) {
	specs, err := choose("caddy,authgate")
	if err != nil {
		return "", "", err
	}
	processes := make([]*contestant.Process, len(specs))
	for i, s := range specs {
		p, err := a.start(ctx, s, set)
		if err != nil {
			return "", "", err
		}
		defer p.Stop()
		if err := a.leadIn(ctx, p, []string{set.Spare}); err != nil {
			return "", "", err
		}
		processes[i] = p
	}
	return contestant.SameGOGC(ctx, processes[1], processes[0])
}

func (a *arena) save() error {
	a.results.Rows = report.Rows(a.results.Rounds)
	raw, err := json.MarshalIndent(a.results, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(a.o.out, "results.json"), append(raw, '\n'), 0o644)
}

func note(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
