package authgate_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestDocsTours types the blocks marked "console tour" of each document, in order, against a real
// gateway, and compares what comes back with what the document shows. The gateway is `authgate demo
// --keep`, or the block marked "caddyfile tour" of the document if it has one.
func TestDocsTours(t *testing.T) {
	t.Parallel()
	tours := 0
	for _, file := range docFiles(t) {
		var steps []docBlock
		var config *docBlock
		for _, b := range docBlocks(t, file) {
			_, tour := b.info["tour"]
			switch {
			case tour && b.lang == "console":
				steps = append(steps, b)
			case b.lang == "console":
				t.Errorf("%s: a console block that is no tour would be believed and never run", b)
			case tour && b.lang == "caddyfile":
				config = &b
			}
		}
		if len(steps) == 0 {
			continue
		}
		tours++
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			s := &docShell{dir: t.TempDir(), vars: map[string]string{}, rename: strings.NewReplacer()}
			if config == nil {
				s.startDemo(t)
			} else {
				s.startGateway(t, inPlace(t, s.dir, config.text))
			}
			for _, b := range steps {
				s.play(t, b)
			}
			if config != nil && strings.Contains(config.text, "\tmetrics\n") {
				s.checkMetrics(t, file)
			}
		})
	}
	if tours == 0 {
		t.Error("no document has a tour")
	}
}

// docShell is the terminal of a tour.
type docShell struct {
	dir    string
	vars   map[string]string
	rename *strings.Replacer // the document's ports -> free ones
}

// program is the re-executed test binary as authgate, with a home of its own.
func (s *docShell) program(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "AUTHGATE_TEST_MAIN=1", "HOME="+s.dir, "XDG_DATA_HOME="+s.dir, "XDG_CONFIG_HOME="+s.dir)
	for name, value := range s.vars {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	return cmd
}

// start runs the program until the test ends, and then expects it to end well.
func (s *docShell) start(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v ended with %v", cmd.Args[1:], err)
		}
	})
}

func (s *docShell) startDemo(t *testing.T) {
	t.Helper()
	cmd := s.program(context.Background(), "demo", "--keep")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.start(t, cmd)
	var seen strings.Builder
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		seen.WriteString(lines.Text() + "\n")
		if assignment, ok := strings.CutPrefix(lines.Text(), "export "); ok {
			name, value, _ := strings.Cut(assignment, "=")
			s.vars[name] = value
			if name == "TOKEN" { // the last one
				return
			}
		}
	}
	t.Fatalf("the demo ended before its time:\n%s", seen.String())
}

// docPorts are the ports the documents use.
var docPorts = []string{"2019", "8080", "9000", "9180"}

func (s *docShell) startGateway(t *testing.T, config string) {
	t.Helper()
	var pairs []string
	var admin string
	for _, port := range docPorts {
		free := freePort(t)
		if port == "9180" {
			admin = free
		}
		pairs = append(pairs, ":"+port, ":"+free)
	}
	s.rename = strings.NewReplacer(pairs...)
	s.vars["AUTHGATE_ADMIN_KEY"] = "0123456789abcdef0123456789abcdef"
	path := filepath.Join(s.dir, "Caddyfile")
	if err := os.WriteFile(path, []byte(s.rename.Replace(config)), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := s.program(context.Background(), "run", "--config", "Caddyfile")
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	s.start(t, cmd)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for !ready(ctx, "http://127.0.0.1:"+admin+"/readyz") {
		select {
		case <-ctx.Done():
			_ = cmd.Process.Kill()
			t.Fatalf("the gateway does not get ready; its configuration:\n%s", s.rename.Replace(config))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func ready(ctx context.Context, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode == http.StatusOK
}

func freePort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, port, err := net.SplitHostPort(ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// checkMetrics looks up each of authgate's metrics in the document.
func (s *docShell) checkMetrics(t *testing.T, file string) {
	t.Helper()
	out, err := s.run(t.Context(), s.rename.Replace("curl -s http://localhost:2019/metrics"))
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`(?m)^# TYPE (caddy_authgate_\w+)`).FindAllStringSubmatch(out, -1)
	if len(names) == 0 {
		t.Error("there are no metrics of authgate's")
	}
	for _, name := range names {
		if !strings.Contains(string(data), "`"+name[1]+"`") {
			t.Errorf("%s does not name the metric %s", file, name[1])
		}
	}
}

// play types each line that begins with a prompt and compares what it prints with the lines below it.
func (s *docShell) play(t *testing.T, b docBlock) {
	t.Helper()
	var command, want string
	flush := func() {
		if command == "" {
			return
		}
		got, err := s.run(t.Context(), s.rename.Replace(inPlace(t, s.dir, command)))
		if err != nil {
			t.Errorf("%s: %s\n%v", b, command, err)
		} else if !shown(s.rename.Replace(want)).MatchString(strings.TrimRight(got, "\n")) {
			t.Errorf("%s: %s\nprinted\n%s\nbut the document shows\n%s", b, command, got, want)
		}
		command, want = "", ""
	}
	more := false
	for line := range strings.Lines(b.text) {
		text := strings.TrimRight(line, "\n")
		typed, prompt := strings.CutPrefix(text, "$ ")
		switch {
		case more:
			command += text
		case prompt:
			flush()
			command = typed
		default:
			want += line
			continue
		}
		if command, more = strings.CutSuffix(command, "\\"); more {
			command += " "
		}
	}
	flush()
}

// shown makes a pattern of the output in a document, in which "..." stands for any text of a line, and
// alone on a line for any lines.
func shown(want string) *regexp.Regexp {
	var p strings.Builder
	p.WriteString(`\A`)
	lines := strings.Split(strings.TrimRight(want, "\n"), "\n")
	for i, line := range lines {
		last := i == len(lines)-1
		if strings.TrimSpace(line) == "..." {
			if p.WriteString(`(?:.*\n)*`); last {
				p.WriteString(`.*`)
			}
			continue
		}
		p.WriteString(strings.ReplaceAll(regexp.QuoteMeta(line), `\.\.\.`, `.*`))
		if p.WriteString(`[ \r]*`); !last {
			p.WriteString(`\n`)
		}
	}
	p.WriteString(`\z`)
	return regexp.MustCompile(p.String())
}

// picked is the one command substitution the tours use: a member of a JSON answer, by sed.
var picked = regexp.MustCompile(`^([A-Z_]+)=\$\((.*) \| sed -n 's/\.\*"(\w+)": "\\\(\.\*\\\)"\.\*/\\1/p'\)$`)

// run does what a shell would do with the few commands the tours use.
func (s *docShell) run(ctx context.Context, line string) (string, error) {
	if m := picked.FindStringSubmatch(line); m != nil {
		out, err := s.run(ctx, m[2])
		if err != nil {
			return "", err
		}
		value := regexp.MustCompile(`"` + m[3] + `": "(.*)"`).FindStringSubmatch(out)
		if value == nil {
			return "", fmt.Errorf("no %s in %s", m[3], out)
		}
		s.vars[m[1]] = value[1]
		return "", nil
	}
	words, err := shellWords(line, s.vars)
	if err != nil {
		return "", err
	}
	if name, value, ok := strings.Cut(words[0], "="); ok && len(words) == 1 {
		s.vars[name] = value
		return "", nil
	}
	switch words[0] {
	case "curl":
		return curl(ctx, words[1:])
	case "./authgate":
		out, err := s.program(ctx, words[1:]...).CombinedOutput()
		if err != nil {
			err = fmt.Errorf("%w\n%s", err, out)
		}
		return string(out), err
	}
	return "", fmt.Errorf("a tour cannot use %s", words[0])
}
