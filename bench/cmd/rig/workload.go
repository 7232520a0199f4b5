package main

import (
	"context"
	"fmt"
	"time"

	"github.com/authgate/authgate/bench/contestant"
	"github.com/authgate/authgate/bench/load"
	"github.com/authgate/authgate/bench/report"
	"github.com/authgate/authgate/bench/tokenset"
)

// leadInRequests precede every round, so that connections are open and pages
// are in memory.
const leadInRequests = 2000

// runner is a contestant during one workload: started once when warm, anew in
// each round when cold.
type runner struct {
	spec    contestant.Spec
	process *contestant.Process
	fault   string // why it does not run in this workload
}

func (a *arena) workload(ctx context.Context, w workload, specs []contestant.Spec) error {
	set := a.sets[w]
	tokens, err := set.Tokens()
	if err != nil {
		return err
	}
	runners := make([]*runner, len(specs))
	for i, s := range specs {
		runners[i] = &runner{spec: s}
	}
	if !w.cold {
		for _, r := range runners {
			if r.process, err = a.startWarm(ctx, r.spec, set, tokens); err != nil {
				r.fault = err.Error()
				note("%s: %s: %s", w, r.spec.Name, r.fault)
				continue
			}
			defer r.process.Stop()
		}
	}
	for n := range a.o.rounds {
		for i := range runners {
			if err := ctx.Err(); err != nil {
				return err
			}
			r := runners[(i+n)%len(runners)] // nobody always follows the same neighbour
			round := a.turn(ctx, w, r, tokens)
			round.Workload, round.Contestant, round.Round = w.String(), r.spec.Name, n+1
			a.results.Rounds = append(a.results.Rounds, round)
			noteRound(round)
		}
	}
	return nil
}

// startWarm presents every token once before the first round.
func (a *arena) startWarm(ctx context.Context, s contestant.Spec, set *tokenset.Set, tokens []string) (*contestant.Process, error) {
	p, err := a.start(ctx, s, set)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	if err := load.Once(ctx, p.Addr, tokens, a.o.connections); err != nil {
		p.Stop()
		return nil, fmt.Errorf("while presenting the tokens: %w", err)
	}
	return p, nil
}

func (a *arena) turn(ctx context.Context, w workload, r *runner, tokens []string) report.Round {
	if r.fault != "" {
		return report.Round{Fault: r.fault}
	}
	p, lead := r.process, tokens
	if w.cold {
		set := a.sets[w]
		var err error
		if p, err = a.start(ctx, r.spec, set); err != nil {
			return report.Round{Fault: err.Error()}
		}
		defer p.Stop()
		lead = []string{set.Spare}
	}
	if err := a.leadIn(ctx, p, lead); err != nil {
		return report.Round{Fault: "before the round: " + err.Error()}
	}
	round, err := a.measure(ctx, p, a.sets[w].Path, w.cold)
	if err != nil {
		return report.Round{Fault: err.Error()}
	}
	return round
}

func (a *arena) leadIn(ctx context.Context, p *contestant.Process, tokens []string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	list := make([]string, leadInRequests)
	for i := range list {
		list[i] = tokens[i%len(tokens)]
	}
	return load.Once(ctx, p.Addr, list, a.o.connections)
}

// measure is one round. A request counts only if the upstream saw it with the
// credential attached.
func (a *arena) measure(ctx context.Context, p *contestant.Process, file string, once bool) (report.Round, error) {
	round := report.Round{Load1: machine().Load1}
	before, seen := report.Round{}, a.upstream.Counts()
	used, err := p.Usage()
	if err != nil {
		return before, err
	}
	result, err := a.wrk.Run(ctx, "http://"+p.Addr+"/", file, once, a.o.duration)
	if err != nil {
		return before, err
	}
	after, err := p.Usage()
	if err != nil {
		return before, err
	}
	saw := a.upstream.Counts().Sub(seen)

	round.Requests, round.Seconds, round.Rate = result.Requests, float64(result.Micros)/1e6, result.Rate()
	round.P50, round.P99, round.Exhausted = result.P50, result.P99, result.Exhausted
	round.RSSKiB, round.PeakKiB, round.NewConns = after.RSSKiB, after.PeakKiB, saw.Conns
	round.Non2xx = max(result.Status, result.Requests-saw.Attached)
	if result.Requests > 0 && result.Micros > 0 {
		cpu := float64(after.CPUMicros - used.CPUMicros)
		round.CPU = cpu / float64(result.Requests)
		round.Cores = cpu / float64(result.Micros)
	}
	switch {
	case result.Faults() != "":
		round.Fault = result.Faults()
	case saw.Bare > 0:
		round.Fault = fmt.Sprintf("%d requests reached the upstream without the credential", saw.Bare)
	case round.Non2xx > 0:
		round.Fault = fmt.Sprintf("%d answers did not come from the upstream", round.Non2xx)
	}
	return round, nil
}

func noteRound(r report.Round) {
	if r.Fault != "" {
		note("%-18s round %d  %-15s invalid: %s", r.Workload, r.Round, r.Contestant, r.Fault)
		return
	}
	note("%-18s round %d  %-15s %7.0f req/s  p50 %6.2f ms  p99 %6.2f ms  %6.1f us CPU  %.2f cores  %4d MiB",
		r.Workload, r.Round, r.Contestant, r.Rate, float64(r.P50)/1000, float64(r.P99)/1000, r.CPU, r.Cores, r.RSSKiB/1024)
}
