package contestant

import (
	"errors"
	"os"
	"strconv"
	"strings"
)

// tickMicros is the length of one clock tick of /proc/PID/stat: USER_HZ is 100
// on every Linux this runs on.
const tickMicros = 10_000

// Usage is what a process has used since it started.
type Usage struct {
	CPUMicros int64 // user and system
	RSSKiB    int64 // resident now
	PeakKiB   int64 // resident at most
}

// Usage reads /proc.
func (p *Process) Usage() (Usage, error) {
	proc := "/proc/" + strconv.Itoa(p.Pid())
	stat, err := os.ReadFile(proc + "/stat")
	if err != nil {
		return Usage{}, err
	}
	ticks, err := cpuTicks(string(stat))
	if err != nil {
		return Usage{}, err
	}
	status, err := os.ReadFile(proc + "/status")
	if err != nil {
		return Usage{}, err
	}
	u := Usage{CPUMicros: ticks * tickMicros, RSSKiB: statusKiB(string(status), "VmRSS"), PeakKiB: statusKiB(string(status), "VmHWM")}
	if u.RSSKiB == 0 {
		return Usage{}, errors.New(p.Spec.Name + " has ended")
	}
	return u, nil
}

// cpuTicks is utime plus stime, fields 14 and 15. The second field is the
// program's name in parentheses and may itself hold spaces and parentheses.
func cpuTicks(stat string) (int64, error) {
	i := strings.LastIndexByte(stat, ')')
	if i < 0 {
		return 0, errors.New("/proc stat line without a name")
	}
	fields := strings.Fields(stat[i+1:]) // the first is field 3
	if len(fields) < 13 {
		return 0, errors.New("/proc stat line too short")
	}
	utime, err := strconv.ParseInt(fields[11], 10, 64)
	if err != nil {
		return 0, err
	}
	stime, err := strconv.ParseInt(fields[12], 10, 64)
	return utime + stime, err
}

func statusKiB(status, name string) int64 {
	for line := range strings.Lines(status) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			if err == nil {
				return n
			}
		}
	}
	return 0
}
