// Command rig runs the comparison bench/run.sh describes; run.sh builds
// everything and starts it. It serves the issuer and the upstream itself.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/authgate/authgate/bench/contestant"
	"github.com/authgate/authgate/bench/tokenset"
)

type options struct {
	out         string
	rounds      int
	duration    time.Duration
	connections int
	threads     int
	only        string
	workloads   string
	cpus        string // contestants
	loadCPUs    string // this process and wrk: set by whoever starts it, only reported here
	gogc        string
	idle        time.Duration
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "rig: "+err.Error())
		os.Exit(1)
	}
}

func run() error {
	var o options
	flag.StringVar(&o.out, "out", "out", "folder for binaries, tokens and results")
	flag.IntVar(&o.rounds, "rounds", 5, "interleaved rounds")
	flag.DurationVar(&o.duration, "duration", 5*time.Second, "length of one round")
	flag.IntVar(&o.connections, "connections", 64, "client connections")
	flag.IntVar(&o.threads, "threads", 1, "wrk threads")
	flag.StringVar(&o.only, "only", "", "contestants, comma separated; empty for all")
	flag.StringVar(&o.workloads, "workloads", "", "ALG:TOKENS:warm|cold, comma separated")
	flag.StringVar(&o.cpus, "contestant-cpus", "", "taskset list for contestants")
	flag.StringVar(&o.loadCPUs, "load-cpus", "", "taskset list this process was started with")
	flag.StringVar(&o.gogc, "gogc", "auto", "GOGC for authgate and caddy-gogc, or auto")
	flag.DurationVar(&o.idle, "idle", 5*time.Second, "wait before idle memory is read; 0 leaves it out")
	tokensOnly := flag.Bool("tokens-only", false, "make the token sets and stop")
	flag.Parse()

	workloads, err := parseWorkloads(o.workloads)
	if err != nil {
		return err
	}
	specs, err := choose(o.only)
	if err != nil {
		return err
	}
	if o.out, err = filepath.Abs(o.out); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, 12*time.Hour)
	defer cancel()

	a, err := newArena(o)
	if err != nil {
		return err
	}
	defer a.close()
	if err := a.loadSets(workloads); err != nil || *tokensOnly {
		return err
	}
	return a.compare(ctx, specs, workloads)
}

// choose keeps the order of contestant.All.
func choose(only string) ([]contestant.Spec, error) {
	all := contestant.All()
	if only == "" {
		return all, nil
	}
	var names []string
	for _, s := range all {
		names = append(names, s.Name)
	}
	wanted := strings.Split(only, ",")
	for _, w := range wanted {
		if !slices.Contains(names, w) {
			return nil, fmt.Errorf("no contestant %q; there are %s", w, strings.Join(names, ", "))
		}
	}
	return slices.DeleteFunc(all, func(s contestant.Spec) bool { return !slices.Contains(wanted, s.Name) }), nil
}

// workload is a token set and whether it has been presented before.
type workload struct {
	alg    string
	tokens int
	cold   bool
}

func (w workload) String() string {
	state := "warm"
	if w.cold {
		state = "cold"
	}
	return fmt.Sprintf("%s:%d:%s", w.alg, w.tokens, state)
}

func parseWorkloads(list string) ([]workload, error) {
	var out []workload
	for item := range strings.SplitSeq(list, ",") {
		var w workload
		fields := strings.Split(item, ":")
		if len(fields) != 3 {
			return nil, fmt.Errorf("workload %q is not ALG:TOKENS:warm|cold", item)
		}
		w.alg = fields[0]
		if w.alg != tokenset.RS256 && w.alg != tokenset.ES256 {
			return nil, fmt.Errorf("workload %q: the algorithm is %s or %s", item, tokenset.RS256, tokenset.ES256)
		}
		if _, err := fmt.Sscanf(fields[1], "%d", &w.tokens); err != nil || w.tokens < 1 || w.tokens > 1_000_000 {
			return nil, fmt.Errorf("workload %q: 1 to 1000000 tokens", item)
		}
		switch fields[2] {
		case "warm":
		case "cold":
			w.cold = true
		default:
			return nil, fmt.Errorf("workload %q: warm or cold", item)
		}
		out = append(out, w)
	}
	return out, nil
}
