package admintest

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// patience bounds one request, on a machine that does other things too.
const patience = 30 * time.Second

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// do sends a request with the admin key.
func (h *harness) do(method, path, body string, headers ...string) answer {
	h.Helper()
	sep := "?"
	if strings.Contains(path, "?") {
		sep = "&"
	}
	return h.raw(method, path+sep+"key="+url.QueryEscape(h.Key), body, headers...)
}

// raw sends a request whose target and header lines (name, value, name, value...) are written as they
// are. It may be called by several goroutines at once.
func (h *harness) raw(method, target, body string, headers ...string) answer {
	h.Helper()
	return h.from(h.Target.TLS, method, target, body, headers...)
}

// from is raw with TLS settings of its own.
func (h *harness) from(secure *tls.Config, method, target, body string, headers ...string) answer {
	h.Helper()
	a, err := roundTrip(h.Address, secure, h.bytes(method, target, body, headers))
	if err != nil {
		h.Errorf("%s %s: %v", method, target, err)
		return a
	}
	if h.suite.Check != nil {
		path, _, _ := strings.Cut(target, "?")
		h.suite.Check(h.T, Exchange{Method: method, Path: path, Status: a.status, Header: a.header, Body: a.body})
	}
	return a
}

func (h *harness) host() string {
	if h.Host != "" {
		return h.Host
	}
	return h.Address
}

func (h *harness) bytes(method, target, body string, headers []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", method, target, h.host())
	for i := 0; i < len(headers); i += 2 {
		fmt.Fprintf(&b, "%s: %s\r\n", headers[i], headers[i+1])
	}
	if body != "" {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
	}
	return b.String() + "\r\n" + body
}

// roundTrip writes while it reads: a server may answer, and close, before it has read all.
func roundTrip(address string, secure *tls.Config, raw string) (answer, error) {
	conn, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		return answer{}, err
	}
	if secure != nil {
		conn = tls.Client(conn, secure)
	}
	written := make(chan struct{})
	defer func() {
		_ = conn.Close()
		<-written
	}()
	go func() {
		defer close(written)
		_, _ = io.WriteString(conn, raw)
	}()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return answer{}, err
	}
	method, _, _ := strings.Cut(raw, " ")
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(body)}, err
}

// must sends a request that has to be answered with the status, and returns the object in the answer.
func (h *harness) must(status int, method, path, body string, headers ...string) map[string]any {
	h.Helper()
	a := h.do(method, path, body, headers...)
	if a.status != status {
		h.Fatalf("%s %s: status %d, want %d; %s", method, path, a.status, status, a.body)
	}
	if a.body == "" {
		return nil
	}
	var m map[string]any
	if err := json.Unmarshal([]byte(a.body), &m); err != nil {
		h.Fatalf("%s %s: the answer is not an object: %v in %q", method, path, err, a.body)
	}
	return m
}

// list returns the objects a list holds.
func (h *harness) list(path, name string) []map[string]any {
	h.Helper()
	elements, ok := h.must(200, "GET", path, "")[name].([]any)
	if !ok {
		h.Fatalf("GET %s: no list %s", path, name)
	}
	objects := make([]map[string]any, 0, len(elements))
	for _, e := range elements {
		objects = append(objects, e.(map[string]any))
	}
	return objects
}

// wants compares the answer with a status and a whole body.
func (h *harness) wants(what string, a answer, status int, body string) {
	h.Helper()
	if a.status != status || a.body != body {
		h.Errorf("%s: got %d %s\nwant %d %s", what, a.status, a.body, status, body)
	}
}

// segment encodes a name as one segment of a path.
func segment(name string) string { return url.PathEscape(name) }
