package contestant

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/authgate/authgate/bench/load"
)

const (
	readyTimeout = 30 * time.Second
	stopTimeout  = 5 * time.Second
)

// Process is one running contestant.
type Process struct {
	Spec  Spec
	Addr  string // host:port of the proxy
	admin string
	cmd   *exec.Cmd
	log   string
	done  chan struct{} // closed once the process has ended
}

// Start runs s below dir, which it makes. The caller stops it.
func Start(s Spec, w World, dir string) (*Process, error) {
	path, err := s.Find(w)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	plan, err := s.configure(w, dir)
	if err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	args := append([]string{path}, plan.args...)
	if w.CPUs != "" {
		args = append([]string{"taskset", "-c", w.CPUs}, args...) // execs: the pid is the program's
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = dir
	cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir,
		"XDG_DATA_HOME=" + dir, "XDG_CONFIG_HOME=" + dir,
	}, plan.env...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &Process{Spec: s, Addr: plan.addr, admin: plan.admin, cmd: cmd, log: log.Name(), done: make(chan struct{})}
	go func() { // ends with the process, which Stop waits for
		_ = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// Pid is the process id.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Ready waits until good is let through, then makes sure that a gate lets
// neither a request without a token nor forged through.
func (p *Process) Ready(ctx context.Context, good, forged string) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		status, err := load.Status(ctx, p.Addr, good)
		if err == nil && status == http.StatusOK {
			break
		}
		if err == nil {
			err = fmt.Errorf("answers %d to a good token", status)
		}
		select {
		case <-p.done:
			return fmt.Errorf("ended: %s", p.lastWords())
		case <-ctx.Done():
			return fmt.Errorf("not ready: %w: %s", err, p.lastWords())
		case <-tick.C:
		}
	}
	if !p.Spec.Gate {
		return nil
	}
	for _, c := range []struct{ what, token string }{{"no token", ""}, {"a forged token", forged}} {
		status, err := load.Status(ctx, p.Addr, c.token)
		if err != nil {
			return err
		}
		if status == http.StatusOK {
			return fmt.Errorf("lets %s through", c.what)
		}
	}
	return nil
}

// Stop ends the process and everything it started, and waits.
func (p *Process) Stop() {
	group := -p.Pid()
	_ = syscall.Kill(group, syscall.SIGTERM)
	timer := time.NewTimer(stopTimeout)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
		_ = syscall.Kill(group, syscall.SIGKILL)
		<-p.done
	}
}

// lastWords is the end of the program's log, on one line.
func (p *Process) lastWords() string {
	raw, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(raw)), "\n")
	words := strings.Join(lines[max(0, len(lines)-2):], " / ")
	if len(words) > 400 {
		words = "..." + words[len(words)-400:]
	}
	return words
}
