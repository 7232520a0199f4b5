package contestant

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// minLive is the smallest live heap authgate's rule reckons with.
const minLive = 4 << 20

// SameGOGC is the GOGC that gives bare Caddy the garbage collector setting
// authgate runs with, and how it was found. authgate keeps a fixed headroom
// above its live heap, so its percentage depends on that heap; what is carried
// over is the headroom, because the same percentage on Caddy's smaller heap
// would leave Caddy less room than authgate takes. Both have to be running, and
// bare under its default GOGC with some requests behind it.
func SameGOGC(ctx context.Context, gate, bare *Process) (gogc, how string, err error) {
	var status struct {
		GC struct {
			Headroom float64 `json:"headroom_bytes"`
			Percent  int     `json:"gogc_percent"`
		} `json:"gc"`
	}
	err = gate.ask(ctx, "/authgate/status", func(r io.Reader) error { return json.NewDecoder(r).Decode(&status) })
	if err != nil {
		return "", "", err
	}
	if status.GC.Headroom == 0 {
		if status.GC.Percent == 0 {
			return "", "", errors.New("authgate's status names no garbage collector setting")
		}
		return strconv.Itoa(status.GC.Percent), "authgate's own percentage: it tunes nothing", nil
	}
	goal, err := bare.metric(ctx, "go_memstats_next_gc_bytes")
	if err != nil {
		return "", "", err
	}
	percent, err := bare.metric(ctx, "go_gc_gogc_percent")
	if err != nil {
		return "", "", err
	}
	live := max(goal/(1+percent/100), minLive)
	gogc = strconv.Itoa(int(status.GC.Headroom * 100 / live))
	how = fmt.Sprintf("authgate's headroom of %.0f MiB over bare Caddy's live heap of %.0f MiB", status.GC.Headroom/(1<<20), live/(1<<20))
	return gogc, how, nil
}

// metric reads one unlabelled value from Caddy's metrics.
func (p *Process) metric(ctx context.Context, name string) (float64, error) {
	var value float64
	found := false
	err := p.ask(ctx, "/metrics", func(r io.Reader) error {
		scan := bufio.NewScanner(r)
		for scan.Scan() {
			if text, ok := strings.CutPrefix(scan.Text(), name+" "); ok {
				var err error
				value, err = strconv.ParseFloat(text, 64)
				found = err == nil
			}
		}
		return scan.Err()
	})
	if err == nil && !found {
		err = fmt.Errorf("%s reports no %s", p.Spec.Name, name)
	}
	return value, err
}

// ask GETs path from Caddy's admin endpoint.
func (p *Process) ask(ctx context.Context, path string, read func(io.Reader) error) error {
	if p.admin == "" {
		return errors.New(p.Spec.Name + " has no admin endpoint")
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.admin+path, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %d to %s", p.Spec.Name, resp.StatusCode, path)
	}
	return read(resp.Body)
}
