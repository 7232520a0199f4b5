package caddymodule

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"sync"

	"github.com/dustin/go-humanize"
)

// A gateway's heap is small and its garbage plentiful: with Go's default the collector runs nearly all
// the time, and costs more than authentication does. gcTuner keeps the next collection at least a
// headroom above the live heap (docs/performance.md has the measurements). It is one per process, like
// the collector itself; the newest configuration's setting counts.

const defaultHeadroom = 64 << 20

// gc is process-wide because what it steers is.
var gc gcTuner

type gcTuner struct {
	mu      sync.Mutex
	users   []gcUser // newest last; its setting counts
	before  int      // the percentage found, to put back
	percent int      // the percentage in force
	armed   bool
}

type gcUser struct {
	owner    *App
	headroom uint64
}

// parseHeadroom returns bytes; 0 means off.
func parseHeadroom(text string) (uint64, error) {
	switch text {
	case "":
		return defaultHeadroom, nil
	case "off":
		return 0, nil
	}
	n, err := humanize.ParseBytes(text)
	if err != nil || n < 1<<20 || n > 1<<40 {
		return 0, fmt.Errorf("gc_headroom: %q is neither off nor a size such as 64MiB", text)
	}
	return n, nil
}

// use puts a configuration's setting in force.
func (g *gcTuner) use(owner *App, headroom uint64) {
	if os.Getenv("GOGC") != "" {
		return // the operator has decided
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if limit := debug.SetMemoryLimit(-1); limit < math.MaxInt64 {
		headroom = min(headroom, uint64(limit)/4)
	}
	if len(g.users) == 0 {
		g.before = debug.SetGCPercent(100)
		debug.SetGCPercent(g.before)
		g.percent = g.before
	}
	g.users = append(g.users, gcUser{owner, headroom})
	g.adjust()
	if !g.armed {
		g.armed = true
		g.arm()
	}
}

// drop ends the setting of owner. If it was in force, that of the configuration before it is again: a new
// one may fail to start after this, and the old one goes on.
func (g *gcTuner) drop(owner *App) {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := len(g.users)
	g.users = slices.DeleteFunc(g.users, func(u gcUser) bool { return u.owner == owner })
	if len(g.users) < n {
		g.adjust()
	}
}

// headroom is the setting in force; 0 is none.
func (g *gcTuner) headroom() uint64 {
	if len(g.users) == 0 {
		return 0
	}
	return g.users[len(g.users)-1].headroom
}

// arm asks the runtime to call back after the next collection: the finalizer of an unreachable object
// runs then. No goroutine of ours, no timer.
func (g *gcTuner) arm() {
	type sentinel struct{ _ [16]byte }
	runtime.SetFinalizer(new(sentinel), func(*sentinel) {
		g.mu.Lock()
		defer g.mu.Unlock()
		if len(g.users) == 0 {
			g.armed = false
			return
		}
		g.adjust()
		g.arm()
	})
}

// adjust sets the percentage that puts the next collection headroom above the live heap, or twice the live
// heap up to twice the headroom: a large cache makes collections long, so they should be rarer too. It is
// never below the percentage found at start.
func (g *gcTuner) adjust() {
	percent := g.before
	if headroom := g.headroom(); headroom > 0 {
		sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(sample)
		live := max(sample[0].Value.Uint64(), 4<<20)
		room := max(headroom, min(2*live, 2*headroom))
		percent = max(percent, int(room*100/live))
	}
	// Small moves are not worth the runtime's lock; what was found at start is put back exactly.
	if diff := percent - g.percent; diff*8 > g.percent || -diff*8 > g.percent || g.headroom() == 0 && diff != 0 {
		debug.SetGCPercent(percent)
		g.percent = percent
	}
}

// gcStatus is what status shows.
type gcStatus struct {
	Headroom    uint64 `json:"headroom_bytes"`
	Percent     int    `json:"gogc_percent"`
	MemoryLimit int64  `json:"memory_limit_bytes,omitempty"`
	SetBy       string `json:"set_by"`
}

func (g *gcTuner) status() gcStatus {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := gcStatus{Headroom: g.headroom(), Percent: g.percent, SetBy: "authgate"}
	if limit := debug.SetMemoryLimit(-1); limit < math.MaxInt64 {
		s.MemoryLimit = limit
	}
	switch {
	case os.Getenv("GOGC") != "":
		s.SetBy = "environment GOGC=" + os.Getenv("GOGC")
	case g.headroom() == 0:
		s.SetBy = "off"
	}
	return s
}
