package report_test

import (
	"strings"
	"testing"

	"github.com/authgate/authgate/bench/report"
)

func TestSum(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		values []float64
		want   report.Spread
	}{
		"one":           {[]float64{3}, report.Spread{Median: 3, Min: 3, Max: 3}},
		"odd_unsorted":  {[]float64{9, 1, 4}, report.Spread{Median: 4, Min: 1, Max: 9}},
		"even_averages": {[]float64{4, 1, 2, 100}, report.Spread{Median: 3, Min: 1, Max: 100}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := report.Sum(c.values); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

// Ratios are paired: the machine being twice as slow in round 2 must not show.
func TestRowsPairRatiosPerRound(t *testing.T) {
	t.Parallel()
	rows := report.Rows([]report.Round{
		{Workload: "w", Contestant: "caddy", Round: 1, Rate: 1000, CPU: 100},
		{Workload: "w", Contestant: "x", Round: 1, Rate: 500, CPU: 200},
		{Workload: "w", Contestant: "caddy", Round: 2, Rate: 500, CPU: 200},
		{Workload: "w", Contestant: "x", Round: 2, Rate: 250, CPU: 400},
	})
	if len(rows) != 2 || rows[1].Contestant != "x" {
		t.Fatalf("rows: %+v", rows)
	}
	got := rows[1].Against["caddy"]
	want := report.Ratio{Rate: report.Spread{Median: 0.5, Min: 0.5, Max: 0.5}, CPU: report.Spread{Median: 2, Min: 2, Max: 2}}
	if got != want {
		t.Errorf("ratio %+v, want %+v", got, want)
	}
}

func TestOneFaultyRoundInvalidatesTheRow(t *testing.T) {
	t.Parallel()
	results := report.Results{Rows: report.Rows([]report.Round{
		{Workload: "w", Contestant: "caddy", Round: 1, Rate: 1000, CPU: 100},
		{Workload: "w", Contestant: "x", Round: 1, Rate: 500, CPU: 200},
		{Workload: "w", Contestant: "caddy", Round: 2, Rate: 1000, CPU: 100},
		{Workload: "w", Contestant: "x", Round: 2, Fault: "3 answers >= 400"},
	})}
	if row := results.Rows[1]; row.Invalid == "" || row.Rate != 0 || row.Against != nil {
		t.Errorf("the row still has numbers: %+v", row)
	}
	var b strings.Builder
	if err := report.Markdown(&b, results); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "| x | **invalid**: 3 answers >= 400 |") {
		t.Errorf("the table does not say why:\n%s", b.String())
	}
}

func TestMissingContestantIsListed(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	err := report.Markdown(&b, report.Results{Contestants: []report.Contestant{{Name: "x", What: "an x", Missing: "no | program\nx"}}})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "| x | - | an x | **missing**: no / program x |") {
		t.Errorf("table:\n%s", b.String())
	}
}
