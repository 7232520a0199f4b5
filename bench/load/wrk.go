package load

import (
	"bufio"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

//go:embed tokens.lua
var script []byte

// Wrk runs wrk with the token script.
type Wrk struct {
	Script      string // where WriteScript put it
	Connections int
	Threads     int
}

// Result is one wrk run. Latencies are the client's, in microseconds.
type Result struct {
	Requests int64 `json:"requests"`
	Micros   int64 `json:"micros"`
	P50      int64 `json:"p50"`
	P99      int64 `json:"p99"`
	Max      int64 `json:"max"`
	Status   int64 `json:"status"` // answers of 400 and above
	Connect  int64 `json:"connect"`
	Read     int64 `json:"read"`
	Write    int64 `json:"write"`
	Timeout  int64 `json:"timeout"`

	Exhausted bool `json:"-"` // the tokens ran out before the time did
}

// Rate is requests per second.
func (r Result) Rate() float64 {
	if r.Micros == 0 {
		return 0
	}
	return float64(r.Requests) / (float64(r.Micros) / 1e6)
}

// Faults says what went wrong on the wire, or "".
func (r Result) Faults() string {
	var out []string
	for _, f := range []struct {
		name string
		n    int64
	}{
		{"answers >= 400", r.Status},
		{"connect errors", r.Connect},
		{"read errors", r.Read},
		{"write errors", r.Write},
		{"timeouts", r.Timeout},
	} {
		if f.n > 0 {
			out = append(out, fmt.Sprintf("%d %s", f.n, f.name))
		}
	}
	if r.Requests == 0 {
		out = append(out, "no request was answered")
	}
	return strings.Join(out, ", ")
}

// WriteScript writes the Lua script wrk needs.
func WriteScript(path string) error { return os.WriteFile(path, script, 0o644) }

// Run loads url for d with the tokens of file, round and round, or each once
// and then no more, which may end the run early. It never takes more than 20 s
// over d.
func (w Wrk) Run(ctx context.Context, url, file string, once bool, d time.Duration) (Result, error) {
	ctx, cancel := context.WithTimeout(ctx, d+20*time.Second)
	defer cancel()
	mode := "cycle"
	if once {
		mode = "once"
	}
	seconds := max(1, int(d.Round(time.Second)/time.Second)) // wrk counts whole seconds
	cmd := exec.CommandContext(ctx, "wrk",
		"-t", strconv.Itoa(w.Threads), "-c", strconv.Itoa(w.Connections), "-d", strconv.Itoa(seconds)+"s",
		"--latency", "--timeout", "5s", "-s", w.Script, url, "--", file, strconv.Itoa(w.Threads), mode)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return Result{}, err
	}
	if err := cmd.Start(); err != nil {
		return Result{}, err
	}
	var result Result
	var found, exhausted bool
	var text strings.Builder
	scan := bufio.NewScanner(out)
	for scan.Scan() {
		line := scan.Text()
		if line == "exhausted" {
			exhausted = true
			_ = cmd.Process.Signal(syscall.SIGINT)
		} else if doc, ok := strings.CutPrefix(line, "result "); ok {
			found = json.Unmarshal([]byte(doc), &result) == nil
		} else {
			text.WriteString(line + "\n")
		}
	}
	if err := errors.Join(scan.Err(), cmd.Wait()); err != nil {
		return Result{}, fmt.Errorf("wrk: %w: %s%s", err, stderr.String(), text.String())
	}
	if !found {
		return Result{}, fmt.Errorf("wrk printed no result: %s%s", stderr.String(), text.String())
	}
	result.Exhausted = exhausted
	return result, nil
}
