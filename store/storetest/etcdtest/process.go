//go:build unix

package etcdtest

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// readyLine is what a member's process says when it is ready.
const readyLine = "member is ready"

// process is a member as a process of its own. It ends with its standard input, so none outlives the
// tests.
type process struct {
	cmd  *exec.Cmd
	pipe io.Closer
	said *bufio.Reader
}

func (s settings) spawn() (*process, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	cmd, err := self()
	if err != nil {
		return nil, err
	}
	cmd.Env = append(os.Environ(), asMember+"="+string(text))
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &process{cmd: cmd, pipe: in, said: bufio.NewReader(out)}, nil
}

// await returns when the member is ready.
func (p *process) await() error {
	late := time.AfterFunc(startLimit, func() { _ = p.cmd.Process.Kill() })
	defer late.Stop()
	line, err := p.said.ReadString('\n')
	if err != nil || strings.TrimSpace(line) != readyLine {
		return fmt.Errorf("the member's process said %q: %w", line, errors.Join(err, errors.New("it is not ready")))
	}
	return nil
}

// kill ends the process as kill -9 does, also a paused one.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
	_ = p.pipe.Close()
}

// pause stops the process without its knowledge; its connections stay open and say nothing.
func (p *process) pause() error { return p.cmd.Process.Signal(syscall.SIGSTOP) }

func (p *process) resume() error { return p.cmd.Process.Signal(syscall.SIGCONT) }

func runMember(text string) error {
	var s settings
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return err
	}
	e, err := s.launch()
	if err != nil {
		return err
	}
	defer e.Close()
	if err := await(e); err != nil {
		return err
	}
	fmt.Println(readyLine)
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}
