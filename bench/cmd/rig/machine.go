package main

import (
	"os"
	"strconv"
	"strings"

	"github.com/authgate/authgate/bench/report"
)

// machine describes this computer; what cannot be read stays empty.
func machine() report.Machine {
	m := report.Machine{CPU: "unknown CPU", Kernel: "?"}
	if raw, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(raw)) {
			name, value, _ := strings.Cut(line, ":")
			switch strings.TrimSpace(name) {
			case "model name":
				m.CPU = strings.TrimSpace(value)
			case "processor":
				m.Cores++ // of the machine, not of this process, which may be pinned
			}
		}
	}
	if raw, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.Kernel = strings.TrimSpace(string(raw))
	}
	if raw, err := os.ReadFile("/proc/loadavg"); err == nil {
		first, _, _ := strings.Cut(string(raw), " ")
		m.Load1, _ = strconv.ParseFloat(first, 64)
	}
	return m
}
