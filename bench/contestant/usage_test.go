package contestant

import "testing"

func TestCPUTicks(t *testing.T) {
	t.Parallel()
	const rest = " S 1 2 3 4 5 6 7 8 9 10 700 55 0 0 20 0 1"
	for name, c := range map[string]struct {
		stat string
		want int64
		fail bool
	}{
		"plain":                     {stat: "42 (caddy)" + rest, want: 755},
		"name_with_spaces":          {stat: "42 (a b 1 2)" + rest, want: 755},
		"name_with_parentheses":     {stat: "42 (a) S 9 (b)" + rest, want: 755},
		"no_name":                   {stat: "42 caddy S 1", fail: true},
		"cut_off":                   {stat: "42 (caddy) S 1 2", fail: true},
		"times_that_are_no_numbers": {stat: "42 (caddy) S 1 2 3 4 5 6 7 8 9 10 x y", fail: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := cpuTicks(c.stat)
			if (err != nil) != c.fail || (!c.fail && got != c.want) {
				t.Errorf("got %d, %v; want %d", got, err, c.want)
			}
		})
	}
}

func TestStatusKiB(t *testing.T) {
	t.Parallel()
	const status = "Name:\tcaddy\nVmHWM:\t   61440 kB\nVmRSS:\t   51200 kB\nThreads:\t9\n"
	if got := statusKiB(status, "VmRSS"); got != 51200 {
		t.Errorf("VmRSS %d", got)
	}
	if got := statusKiB(status, "VmHWM"); got != 61440 {
		t.Errorf("VmHWM %d", got)
	}
	if got := statusKiB(status, "VmSwap"); got != 0 {
		t.Errorf("an absent line gives %d", got)
	}
}
