package admin_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/authgate/authgate/admin"
	"github.com/authgate/authgate/admin/openapitest"
	"github.com/authgate/authgate/authmethods"
	"github.com/authgate/authgate/internal/secret"
)

// TestOpenAPISweep walks the document that is served and makes the API give every answer in it, for
// every name a path has: so nothing is documented that cannot happen, and no alias behaves otherwise.
func TestOpenAPISweep(t *testing.T) {
	t.Parallel()
	v, ops := servedDocument(t)
	shared := sweepFixture(t) // for requests that change nothing
	for _, op := range ops {
		for _, status := range op.statuses {
			if !reachable(op, status) {
				continue
			}
			t.Run(op.method+op.path+"_"+status, func(t *testing.T) {
				t.Parallel()
				r := shared
				if slices.Contains([]string{"200", "201", "204", "500", "503"}, status) {
					r = sweepFixture(t)
				}
				w, path := provoke(t, r, op, status)
				if got := fmt.Sprint(w.Code); got != status {
					t.Errorf("got %s %s", got, w.Body)
				}
				if err := v.Check(op.method, path, w.Code, w.Header(), w.Body.Bytes()); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// TestA3_EveryOperationNeedsTheKey walks the document too: what does not say that it is open refuses
// callers without a credential and with a wrong one, whatever else is wrong with the request.
func TestA3_EveryOperationNeedsTheKey(t *testing.T) {
	t.Parallel()
	_, ops := servedDocument(t)
	r, guarded := sweepFixture(t), 0
	for _, op := range ops {
		if !op.has("401") {
			continue
		}
		guarded++
		for _, path := range []string{op.path, op.existing(), op.existing() + "?key=", op.existing() + "?key=wrong"} {
			for _, method := range []string{op.method, strings.Replace(op.method, "GET", "HEAD", 1)} {
				if w := r.raw(method, path, "{"); w.Code != 401 {
					t.Errorf("A3 %s %s: %d", method, path, w.Code)
				}
			}
		}
	}
	if guarded < 25 {
		t.Errorf("only %d operations need a credential", guarded)
	}
}

// reachable reports whether a status can be brought about here. What a test cannot break leaves a status
// out: the store's own faults are 503. Client certificates have tests of their own.
func reachable(op operation, status string) bool {
	switch {
	case strings.HasSuffix(op.path, ":authx509"):
		return status == "400"
	case status == "500": // by a record that cannot be read: it can be deleted, and lists leave it out
		return op.existing() != op.path && op.method != "POST" && op.method != "DELETE" && !strings.HasSuffix(op.path, "/bindings")
	}
	return true
}

// provoke makes a handler give an answer. It returns the path of the request.
func provoke(t *testing.T, r *rig, op operation, status string) (w *httptest.ResponseRecorder, path string) {
	t.Helper()
	var headers []string
	body, path := op.body(r, ""), op.existing()
	send := r.do
	switch status {
	case "304":
		headers = []string{"If-None-Match", "*"}
		if path == "/openapi.json" {
			headers[1] = r.raw("GET", path, "").Header().Get("ETag")
		}
	case "400":
		headers = []string{"Authorization", "Bearer a", "Authorization", "Bearer b"}
	case "401":
		send = r.raw
	case "403":
		headers = []string{"Sec-Fetch-Site", "cross-site"}
	case "404":
		path, body = op.nowhere(), strings.Replace(body, "host1", "nowhere", 1)
		if strings.HasSuffix(path, "/bindings") {
			path = op.existing() + "?authID=nobody"
		}
	case "409":
		body = op.body(r, status)
		if op.method != "POST" && op.kind() != "binding" {
			send = declaredRig(t).do
		}
	case "412":
		headers = []string{"If-Match", `"999999"`}
	case "413":
		body = `{"name":"` + strings.Repeat("x", 1<<20) + `"}`
	case "415":
		headers = []string{"Content-Encoding", "gzip"}
	case "422":
		path, body = path+op.query(), op.body(r, status)
	case "500":
		breakRecords(t, r)
	case "503":
		down := errors.New("no route")
		r.mem.FailReads(down)
		r.mem.FailWrites(down)
		path = op.nowhere() // nobody has this in memory
		if path == "/readyz" {
			send = newRig(t, authmethods.Declared{}, func(d *admin.Deps) { d.Ready = func(context.Context) error { return down } }).do
		}
	}
	return send(op.method, path, body, headers...), path
}

// sweepFixture is the fixture with two bindings.
func sweepFixture(t *testing.T) *rig {
	t.Helper()
	r := fixture(t)
	for name, subject := range map[string]string{"b1": "CN=1", "b2": "CN=2"} {
		body := strings.Replace(operation{method: "POST", path: "/v1/bindings/{binding}"}.body(r, ""), "CN=new", subject, 1)
		r.must(201, "POST", "/v1/bindings/"+name, body)
	}
	return r
}

// breakRecords makes every record unreadable, and waits until the handler knows.
func breakRecords(t *testing.T, r *rig) {
	t.Helper()
	kvs, _, err := r.mem.List(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, kv := range kvs {
		if strings.Contains(kv.Key, "/r/") {
			r.overwrite(kv.Key, "no record")
		}
	}
	r.must(201, "POST", "/v1/service-types", operation{method: "POST"}.body(r, ""))
}

// declaredRig has what the sweep's paths name in its configuration.
func declaredRig(t *testing.T) *rig {
	t.Helper()
	return newRig(t, authmethods.Declared{
		ServiceTypes: []authmethods.ServiceType{{
			Name: "s1", Hosts: []string{"host1"}, AuthTypes: []string{"x509"}, AuthMethod: authmethods.KindAPIKey, Type: "ams",
		}},
		Methods: []authmethods.DeclaredMethod{{ServiceType: "s1", Method: authmethods.Method{Host: "host1", Port: 1, AccessKey: secret.New("k")}}},
	})
}

// operation is one of the document's.
type operation struct {
	method, path string
	statuses     []string
}

func servedDocument(t *testing.T) (*openapitest.Validator, []operation) {
	t.Helper()
	text := newRig(t, authmethods.Declared{}).raw("GET", "/openapi.json", "").Body.Bytes()
	v, err := openapitest.New(text)
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	var ops []operation
	for path, item := range doc.Paths {
		for method, raw := range item {
			var op struct {
				Responses map[string]any `json:"responses"`
			}
			if method == "parameters" {
				continue
			}
			if err := json.Unmarshal(raw, &op); err != nil {
				t.Fatal(err)
			}
			o := operation{method: strings.ToUpper(method), path: path}
			for status := range op.Responses {
				o.statuses = append(o.statuses, status)
			}
			ops = append(ops, o)
		}
	}
	return v, ops
}
