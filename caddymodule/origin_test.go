package caddymodule_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/authgate/authgate/authn"
)

// wire is one request as it came in, byte for byte.
type wire struct {
	at       string // the address it came in at
	line     string // the request line
	head     []string
	body     string
	trailers []string
}

// values returns the values of all lines of a header, whose name is compared without regard to case.
func (w *wire) values(name string) []string { return valuesOf(w.head, name) }

// twins returns the names of all headers and trailers an upstream could take for name.
func (w *wire) twins(name string) []string {
	var found []string
	for _, line := range append(append([]string{}, w.head...), w.trailers...) {
		n, _, _ := strings.Cut(line, ":")
		if authn.NormalizeHeaderName(n) == authn.NormalizeHeaderName(name) {
			found = append(found, n)
		}
	}
	return found
}

func valuesOf(lines []string, name string) []string {
	var found []string
	for _, line := range lines {
		n, v, _ := strings.Cut(line, ":")
		if strings.EqualFold(n, name) {
			found = append(found, strings.TrimSpace(v))
		}
	}
	return found
}

func (w *wire) path() string {
	fields := strings.Fields(w.line)
	if len(fields) != 3 {
		return ""
	}
	return fields[1]
}

func (w *wire) String() string {
	return w.line + "\n" + strings.Join(w.head, "\n") + "\n\n" + w.body + "\n" + strings.Join(w.trailers, "\n")
}

// recorder is a set of upstreams that keep what they got. Requests are told apart by their X-Case.
type recorder struct {
	mu      sync.Mutex
	seen    map[string][]*wire
	replies map[string]func(*wire) string
}

// caseHeader names the header by which a test finds its request at the upstream, replyHeader the one by
// which it chooses among the prepared answers.
const (
	caseHeader  = "X-Case"
	replyHeader = "X-Reply"
)

// newRecorder makes a recorder. replies must not change afterwards; a reply of "" cuts the connection.
func newRecorder(replies map[string]func(*wire) string) *recorder {
	return &recorder{seen: map[string][]*wire{}, replies: replies}
}

// listen adds an upstream at a free port of a loopback address, or at a unix socket.
func (r *recorder) listen(t testing.TB, network, address string) string {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	return r.serve(t, l)
}

func (r *recorder) serve(t testing.TB, l net.Listener) string {
	var mu sync.Mutex
	var servers sync.WaitGroup
	open := map[net.Conn]struct{}{}
	servers.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open[c] = struct{}{}
			mu.Unlock()
			servers.Go(func() {
				r.talk(c, l.Addr().String())
				_ = c.Close()
				mu.Lock()
				delete(open, c)
				mu.Unlock()
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for c := range open {
			_ = c.Close()
		}
		mu.Unlock()
		servers.Wait()
	})
	return l.Addr().String()
}

// talk serves one connection.
func (r *recorder) talk(c net.Conn, at string) {
	in := bufio.NewReader(c)
	for {
		w, err := readWire(in)
		if err != nil {
			return
		}
		w.at = at
		name := strings.Join(w.values(caseHeader), "|")
		r.mu.Lock()
		r.seen[name] = append(r.seen[name], w)
		r.mu.Unlock()
		reply := "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"
		if f := r.replies[strings.Join(w.values(replyHeader), "|")]; f != nil {
			reply = f(w)
		}
		if _, err := io.WriteString(c, reply); err != nil || reply == "" {
			return
		}
		if strings.HasPrefix(reply, "HTTP/1.1 101") {
			_, _ = io.Copy(c, in) // a websocket that echoes its bytes
			return
		}
	}
}

// take returns the requests of a case and forgets them.
func (r *recorder) take(name string) []*wire {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := r.seen[name]
	delete(r.seen, name)
	return list
}

func readWire(in *bufio.Reader) (*wire, error) {
	text := textproto.NewReader(in)
	line, err := text.ReadLine()
	if err != nil {
		return nil, err
	}
	w := &wire{line: line}
	if w.head, err = readLines(text); err != nil {
		return nil, err
	}
	switch {
	case len(w.values("Transfer-Encoding")) > 0:
		err = w.readChunks(in, text)
	case len(w.values("Content-Length")) > 0:
		n, convErr := strconv.Atoi(w.values("Content-Length")[0])
		if convErr != nil {
			return nil, convErr
		}
		body := make([]byte, n)
		_, err = io.ReadFull(in, body)
		w.body = string(body)
	}
	return w, err
}

func readLines(text *textproto.Reader) ([]string, error) {
	var lines []string
	for {
		line, err := text.ReadLine()
		if err != nil {
			return nil, err
		}
		if line == "" {
			return lines, nil
		}
		lines = append(lines, line)
	}
}

func (w *wire) readChunks(in *bufio.Reader, text *textproto.Reader) error {
	var body bytes.Buffer
	for {
		size, err := text.ReadLine()
		if err != nil {
			return err
		}
		n, err := strconv.ParseInt(strings.TrimSpace(size), 16, 32)
		if err != nil {
			return err
		}
		if n == 0 {
			w.body = body.String()
			w.trailers, err = readLines(text)
			return err
		}
		if _, err := io.CopyN(&body, in, n); err != nil {
			return err
		}
		if rest, err := text.ReadLine(); err != nil || rest != "" {
			return errors.Join(err, errors.New("a chunk does not end"))
		}
	}
}

// answerWith makes a reply with the given header lines and body.
func answerWith(status int, body string, lines ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\nContent-Length: %d\r\n", status, http.StatusText(status), len(body))
	for _, l := range lines {
		b.WriteString(l + "\r\n")
	}
	b.WriteString("\r\n" + body)
	return b.String()
}
