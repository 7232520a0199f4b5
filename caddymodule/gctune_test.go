package caddymodule

import (
	"runtime"
	"runtime/debug"
	"testing"
)

// TestGCTuner is not parallel: the collector is the process's.
func TestGCTuner(t *testing.T) {
	t.Setenv("GOGC", "")
	found := debug.SetGCPercent(100)
	defer debug.SetGCPercent(found)
	var g gcTuner
	old, failed := new(App), new(App)

	g.use(old, 512<<20)
	large := percentNow()
	if large < 200 {
		t.Fatalf("with 512 MiB of headroom the percentage is %d", large)
	}
	g.use(failed, 0)
	if got := percentNow(); got != 100 {
		t.Errorf("off left %d %%, want Go's own 100", got)
	}
	g.drop(failed) // it failed to start: the running configuration's setting counts again
	if got := percentNow(); got < 200 {
		t.Errorf("after the failed configuration: %d %%, want that of the running one", got)
	}
	runtime.GC()
	g.drop(old)
	g.drop(old) // Cleanup may come without Start, and twice
	if got := percentNow(); got != 100 {
		t.Errorf("at the end: %d %%, want what was found", got)
	}
}

func percentNow() int {
	p := debug.SetGCPercent(100)
	debug.SetGCPercent(p)
	return p
}
