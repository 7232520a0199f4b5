package report

import (
	"fmt"
	"io"
	"strings"
)

// Results is everything a run leaves behind, as results.json holds it.
type Results struct {
	Machine     Machine      `json:"machine"`
	Settings    Settings     `json:"settings"`
	Contestants []Contestant `json:"contestants"`
	Rows        []Row        `json:"rows"`
	Idle        []Idle       `json:"idle"`
	Rounds      []Round      `json:"rounds"`
}

// Machine is where the run took place.
type Machine struct {
	CPU    string  `json:"cpu"`
	Cores  int     `json:"cores"`
	Kernel string  `json:"kernel"`
	Load1  float64 `json:"load_average_at_start"`
}

// Settings are the options that decide what the numbers mean.
type Settings struct {
	Rounds       int     `json:"rounds"`
	Seconds      float64 `json:"seconds_per_round"`
	Connections  int     `json:"connections"`
	Threads      int     `json:"wrk_threads"`
	ContestantOn string  `json:"contestant_cpus"` // taskset list; empty: all
	LoadOn       string  `json:"load_cpus"`       // wrk, upstream and issuer
	GOGC         string  `json:"gogc_of_caddy_gogc"`
	GOGCFrom     string  `json:"gogc_from"`
}

// Idle is a process that has started and served nothing.
type Idle struct {
	Contestant string  `json:"contestant"`
	Seconds    float64 `json:"after_seconds"`
	RSSKiB     int64   `json:"rss_kib,omitempty"`
	PeakKiB    int64   `json:"rss_peak_kib,omitempty"`
	CPUPercent float64 `json:"cpu_percent,omitempty"` // of one core, over the last seconds
	Missing    string  `json:"missing,omitempty"`
}

// Markdown writes the tables people read.
func Markdown(w io.Writer, r Results) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %d cores, Linux %s, load average %.2f at the start. %d rounds of %.0f s, %d connections, %d wrk thread(s).\n",
		r.Machine.CPU, r.Machine.Cores, r.Machine.Kernel, r.Machine.Load1,
		r.Settings.Rounds, r.Settings.Seconds, r.Settings.Connections, r.Settings.Threads)
	if r.Settings.ContestantOn == "" {
		b.WriteString("Nothing pinned: contestant, wrk and upstream share all cores.\n")
	} else {
		fmt.Fprintf(&b, "Contestant on core(s) %s, wrk and upstream on core(s) %s.\n", r.Settings.ContestantOn, r.Settings.LoadOn)
	}
	fmt.Fprintf(&b, "GOGC of caddy-gogc: %s (%s).\n\n", orDash(r.Settings.GOGC), r.Settings.GOGCFrom)

	b.WriteString("| contestant | version | what | |\n|---|---|---|---|\n")
	for _, c := range r.Contestants {
		state := "took part"
		if c.Missing != "" {
			state = "**missing**: " + cell(c.Missing)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", c.Name, orDash(c.Version), c.What, state)
	}
	workload := ""
	for _, row := range r.Rows {
		if row.Workload != workload {
			workload = row.Workload
			fmt.Fprintf(&b, "\n### %s\n\n", workload)
			b.WriteString("| contestant | req/s | p50 ms | p99 ms | CPU us/req | cores | RSS MiB | peak MiB | CPU x caddy | req/s x caddy | CPU x caddy-gogc | req/s x caddy-gogc | upstream conns |\n")
			b.WriteString("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n")
		}
		if row.Invalid != "" {
			fmt.Fprintf(&b, "| %s | **invalid**: %s | | | | | | | | | | | |\n", row.Contestant, cell(row.Invalid))
			continue
		}
		fmt.Fprintf(&b, "| %s | %.0f | %.2f | %.2f | %.1f | %.2f | %.0f | %.0f |",
			row.Contestant, row.Rate, row.P50/1000, row.P99/1000, row.CPU, row.Cores, row.RSSKiB/1024, row.PeakKiB/1024)
		for _, y := range Yardsticks() {
			ratio, ok := row.Against[y]
			if !ok {
				b.WriteString(" - | - |")
				continue
			}
			fmt.Fprintf(&b, " %s | %s |", ratio.CPU, ratio.Rate)
		}
		fmt.Fprintf(&b, " %.0f |\n", row.NewConns)
	}
	if len(r.Idle) > 0 {
		b.WriteString("\n### idle\n\n| contestant | RSS MiB | peak MiB | CPU % of a core | |\n|---|--:|--:|--:|---|\n")
		for _, i := range r.Idle {
			if i.Missing != "" {
				fmt.Fprintf(&b, "| %s | | | | **missing**: %s |\n", i.Contestant, cell(i.Missing))
				continue
			}
			fmt.Fprintf(&b, "| %s | %.0f | %.0f | %.1f | after %.0f s |\n",
				i.Contestant, float64(i.RSSKiB)/1024, float64(i.PeakKiB)/1024, i.CPUPercent, i.Seconds)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// String is the median, with the extremes where there are any.
func (s Spread) String() string {
	if s.Min == s.Max {
		return fmt.Sprintf("%.2f", s.Median)
	}
	return fmt.Sprintf("%.2f (%.2f-%.2f)", s.Median, s.Min, s.Max)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// cell keeps free text from breaking the table.
func cell(s string) string {
	return strings.NewReplacer("|", "/", "\n", " ").Replace(s)
}
