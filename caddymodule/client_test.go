package caddymodule_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// exchangeTime bounds one request of a test, on a machine that does other things too.
const exchangeTime = 30 * time.Second

// call is a request as a client writes it on an HTTP/1.1 connection.
type call struct {
	Line  string   // method and target; default "GET /"
	Host  string   // default: none is written
	Token string   // a bearer token
	Head  []string // further header lines, as they are
	Body  string   // what follows the head, as it is
	Reply string   // which prepared answer the upstream gives
	TLS   *tls.Config
}

// result is what became of a call.
type result struct {
	status  int // 0: the connection was closed without an answer
	header  http.Header
	trailer http.Header
	body    string
	early   []int // statuses of informational answers before the final one
	hints   []string
	arrived []*wire // at the upstreams
}

var caseNumber atomic.Uint64

func newCase() string { return fmt.Sprintf("case-%d", caseNumber.Add(1)) }

func (c call) bytes(name string) string {
	line := c.Line
	if line == "" {
		line = "GET /"
	}
	var b strings.Builder
	b.WriteString(line + " HTTP/1.1\r\n")
	if c.Host != "" {
		b.WriteString("Host: " + c.Host + "\r\n")
	}
	b.WriteString(caseHeader + ": " + name + "\r\n")
	if c.Reply != "" {
		b.WriteString(replyHeader + ": " + c.Reply + "\r\n")
	}
	if c.Token != "" {
		b.WriteString("Authorization: Bearer " + c.Token + "\r\n")
	}
	for _, l := range c.Head {
		b.WriteString(l + "\r\n")
	}
	b.WriteString("\r\n" + c.Body)
	return b.String()
}

// send writes c to address and reads the answer.
func (c call) send(t testing.TB, address string, from *recorder) result {
	t.Helper()
	name := newCase()
	handedOut.collect(c.Body)
	out := exchange(t, address, c.TLS, c.bytes(name))
	if from != nil {
		out.arrived = from.take(name)
	}
	return out
}

// sendAfterReload is send for a gateway that has just loaded another configuration: Caddy then resets
// connections that the old listener has not accepted yet, with authgate or without. A client that got no
// byte of an answer asks again.
func (c call) sendAfterReload(t testing.TB, address string, from *recorder) result {
	t.Helper()
	var out result
	for tries := 0; tries < 5 && out.status == 0; tries++ {
		out = c.send(t, address, from)
	}
	return out
}

// exchange writes raw bytes and reads one answer.
func exchange(t testing.TB, address string, secure *tls.Config, raw string) result {
	t.Helper()
	conn, err := dial(address, secure)
	if err != nil {
		t.Fatalf("dialling %s: %v", address, err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, raw) // the gateway may answer, and close, before it has read all
	method, _, _ := strings.Cut(raw, " ")
	return readResult(t, bufio.NewReader(conn), method)
}

func dial(address string, secure *tls.Config) (net.Conn, error) {
	network := "tcp"
	if strings.HasPrefix(address, "/") {
		network = "unix"
	}
	conn, err := net.DialTimeout(network, address, exchangeTime)
	if err != nil {
		return nil, err
	}
	if err := conn.SetDeadline(time.Now().Add(exchangeTime)); err != nil {
		return nil, err
	}
	if secure == nil {
		return conn, nil
	}
	secured := tls.Client(conn, secure)
	if err := secured.Handshake(); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return secured, nil
}

func readResult(t testing.TB, in *bufio.Reader, method string) result {
	t.Helper()
	var out result
	for {
		resp, err := http.ReadResponse(in, &http.Request{Method: method})
		if err != nil {
			if strings.Contains(err.Error(), "timeout") {
				t.Fatalf("no answer: %v", err)
			}
			return out
		}
		if resp.StatusCode >= 100 && resp.StatusCode < 200 && resp.StatusCode != http.StatusSwitchingProtocols {
			out.early = append(out.early, resp.StatusCode)
			for name, values := range resp.Header {
				out.hints = append(out.hints, name+": "+strings.Join(values, ", "))
			}
			continue
		}
		out.status, out.header = resp.StatusCode, resp.Header
		if resp.StatusCode == http.StatusSwitchingProtocols {
			return out
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatalf("reading the answer: %v", err)
		}
		out.body, out.trailer = string(body), resp.Trailer
		return out
	}
}

// refused asserts a status, and that nothing came to an upstream.
func (r result) refused(t *testing.T, allowed ...int) {
	t.Helper()
	if !slices.Contains(allowed, r.status) {
		t.Errorf("status: got %d, want %v; body %q", r.status, allowed, r.body)
	}
	for _, w := range r.arrived {
		t.Errorf("the upstream %s was called:\n%s", w.at, w)
	}
}

// passed asserts 200 and exactly one request at the upstream, which it returns.
func (r result) passed(t *testing.T) *wire {
	t.Helper()
	if r.status != http.StatusOK {
		t.Fatalf("status: got %d, want 200; body %q", r.status, r.body)
	}
	if len(r.arrived) != 1 {
		t.Fatalf("requests at the upstream: got %d, want 1", len(r.arrived))
	}
	return r.arrived[0]
}

// sees asserts that the upstream got exactly one line of a header, counting twins, with this value;
// with "" that it got none.
func (w *wire) sees(t *testing.T, name, value string) {
	t.Helper()
	var want []string
	if value != "" {
		want = []string{value}
	}
	if got := w.values(name); !slices.Equal(got, want) || len(w.twins(name)) != len(want) {
		t.Errorf("%s: upstream got %q (spelled %q), want %q", name, got, w.twins(name), want)
	}
}
