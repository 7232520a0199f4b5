package report

import (
	"slices"
)

// Round is one contestant's turn in one round of one workload.
type Round struct {
	Workload   string  `json:"workload"`
	Contestant string  `json:"contestant"`
	Round      int     `json:"round"`
	Requests   int64   `json:"requests"`
	Seconds    float64 `json:"seconds"`
	Rate       float64 `json:"requests_per_second"`
	P50        int64   `json:"p50_us"`
	P99        int64   `json:"p99_us"`
	Non2xx     int64   `json:"non_2xx"`
	CPU        float64 `json:"cpu_us_per_request"`
	Cores      float64 `json:"cores_busy"` // CPU time of the contestant over elapsed time
	RSSKiB     int64   `json:"rss_kib"`
	PeakKiB    int64   `json:"rss_peak_kib"`
	NewConns   int64   `json:"upstream_connections"` // opened to the upstream during the round
	Fault      string  `json:"fault,omitempty"`      // why the round counts for nothing
	Exhausted  bool    `json:"exhausted,omitempty"`  // a cold round that ran out of unseen tokens, and so ended early
	Load1      float64 `json:"load_average_before"`  // of the whole machine
}

// Contestant is one entrant, whether or not it could take part.
type Contestant struct {
	Name    string `json:"name"`
	What    string `json:"what"`
	Version string `json:"version,omitempty"`
	Missing string `json:"missing,omitempty"` // why it did not take part
}

// Row is the summary of one contestant in one workload. An invalid row has its
// reason and no numbers.
type Row struct {
	Workload   string           `json:"workload"`
	Contestant string           `json:"contestant"`
	Rounds     int              `json:"rounds"`
	Invalid    string           `json:"invalid,omitempty"`
	Rate       float64          `json:"requests_per_second,omitempty"`
	P50        float64          `json:"p50_us,omitempty"`
	P99        float64          `json:"p99_us,omitempty"`
	CPU        float64          `json:"cpu_us_per_request,omitempty"`
	Cores      float64          `json:"cores_busy,omitempty"`
	RSSKiB     float64          `json:"rss_kib,omitempty"`
	PeakKiB    float64          `json:"rss_peak_kib,omitempty"`
	NewConns   float64          `json:"upstream_connections"`
	Against    map[string]Ratio `json:"against,omitempty"` // by yardstick
}

// Ratio compares a row with a yardstick: computed in each round, then summed up.
type Ratio struct {
	Rate Spread `json:"requests_per_second"`
	CPU  Spread `json:"cpu_us_per_request"`
}

// Spread is the median of some numbers and their extremes.
type Spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

// Yardsticks are the contestants every row is divided by.
func Yardsticks() []string { return []string{"caddy", "caddy-gogc"} }

// Rows sums rounds up, in the order workloads and contestants first appear. One
// faulty round makes its row invalid: a gateway that refuses or loses requests
// has no speed.
func Rows(rounds []Round) []Row {
	type name struct{ workload, contestant string }
	var order []name
	groups := map[name][]Round{}
	for _, r := range rounds {
		n := name{r.Workload, r.Contestant}
		if groups[n] == nil {
			order = append(order, n)
		}
		groups[n] = append(groups[n], r)
	}
	rows := make([]Row, 0, len(order))
	for _, n := range order {
		row := summary(groups[n])
		if row.Invalid == "" {
			for _, y := range Yardsticks() {
				if ratio, ok := against(groups[n], groups[name{n.workload, y}]); ok {
					row.Against[y] = ratio
				}
			}
		}
		rows = append(rows, row)
	}
	return rows
}

func summary(rounds []Round) Row {
	row := Row{Workload: rounds[0].Workload, Contestant: rounds[0].Contestant, Rounds: len(rounds)}
	for _, r := range rounds {
		if r.Fault != "" {
			row.Invalid = r.Fault
			return row
		}
	}
	row.Against = map[string]Ratio{}
	median := func(value func(Round) float64) float64 {
		values := make([]float64, len(rounds))
		for i, r := range rounds {
			values[i] = value(r)
		}
		return Sum(values).Median
	}
	row.Rate = median(func(r Round) float64 { return r.Rate })
	row.P50 = median(func(r Round) float64 { return float64(r.P50) })
	row.P99 = median(func(r Round) float64 { return float64(r.P99) })
	row.CPU = median(func(r Round) float64 { return r.CPU })
	row.Cores = median(func(r Round) float64 { return r.Cores })
	row.RSSKiB = median(func(r Round) float64 { return float64(r.RSSKiB) })
	row.PeakKiB = median(func(r Round) float64 { return float64(r.PeakKiB) })
	row.NewConns = median(func(r Round) float64 { return float64(r.NewConns) })
	return row
}

// against pairs rounds of the same number, so that a slow minute of the machine
// hits both sides of each ratio.
func against(rounds, yardstick []Round) (Ratio, bool) {
	var rates, cpus []float64
	for _, r := range rounds {
		for _, y := range yardstick {
			if y.Round == r.Round && y.Fault == "" && y.Rate > 0 && y.CPU > 0 {
				rates = append(rates, r.Rate/y.Rate)
				cpus = append(cpus, r.CPU/y.CPU)
			}
		}
	}
	if len(rates) == 0 {
		return Ratio{}, false
	}
	return Ratio{Rate: Sum(rates), CPU: Sum(cpus)}, true
}

// Sum is the median and the extremes of values, which must not be empty. The
// median of an even number of values is the mean of the middle two.
func Sum(values []float64) Spread {
	v := slices.Sorted(slices.Values(values))
	n := len(v)
	return Spread{Median: (v[(n-1)/2] + v[n/2]) / 2, Min: v[0], Max: v[n-1]}
}
