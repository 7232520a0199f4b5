package admin

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/authgate/authgate/admin/audit"
	"github.com/authgate/authgate/admin/openapitest"
	"github.com/authgate/authgate/authmethods"
	"github.com/authgate/authgate/authn"
	"github.com/authgate/authgate/store"
)

// openAPI is what these tests read of a document.
type openAPI struct {
	OpenAPI string
	Servers []struct{ URL string }
	Tags    []struct{ Name string }
	Paths   map[string]map[string]json.RawMessage
}

type openAPIOperation struct {
	OperationID string                     `json:"operationId"`
	Summary     string                     `json:"summary"`
	Tags        []string                   `json:"tags"`
	Security    []map[string][]string      `json:"security"`
	Parameters  []json.RawMessage          `json:"parameters"`
	RequestBody json.RawMessage            `json:"requestBody"`
	Responses   map[string]json.RawMessage `json:"responses"`
}

func readOpenAPI(t *testing.T, apis []string) (text []byte, doc openAPI) {
	t.Helper()
	text, err := openAPIDocument(apis)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	return text, doc
}

// operations returns the operations of a document by method and path.
func (d openAPI) operations(t *testing.T) map[string]openAPIOperation {
	t.Helper()
	found := map[string]openAPIOperation{}
	for path, item := range d.Paths {
		for method, raw := range item {
			if method == "parameters" {
				continue
			}
			var op openAPIOperation
			if err := json.Unmarshal(raw, &op); err != nil {
				t.Fatalf("%s %s: %v", method, path, err)
			}
			found[strings.ToUpper(method)+" "+path] = op
		}
	}
	return found
}

// TestOpenAPIIsValid holds the document to OpenAPI's own schema, and its schemas and examples to JSON
// Schema.
func TestOpenAPIIsValid(t *testing.T) {
	t.Parallel()
	for name, apis := range map[string][]string{"all": nil, "auth_methods": {APIAuthMethods}} {
		text, doc := readOpenAPI(t, apis)
		if err := openapitest.CheckDocument(text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := openapitest.New(text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !strings.HasPrefix(doc.OpenAPI, "3.1.") || len(doc.Servers) != 1 || doc.Servers[0].URL != "/" {
			t.Errorf("%s: version %s, servers %v", name, doc.OpenAPI, doc.Servers)
		}
	}
}

// TestOpenAPIOperations: every operation says what a client has to know.
func TestOpenAPIOperations(t *testing.T) {
	t.Parallel()
	_, doc := readOpenAPI(t, nil)
	var tags []string
	for _, tag := range doc.Tags {
		tags = append(tags, tag.Name)
	}
	// A3: these and no others are open to everybody, or to whoever has a client certificate.
	open := []string{"GET /healthz", "GET /readyz", "GET /openapi.json", "GET /v1/health", "GET /v1/version"}
	ids := map[string]string{}
	for name, op := range doc.operations(t) {
		if op.OperationID == "" || ids[op.OperationID] != "" {
			t.Errorf("%s: operationId %q, as of %s", name, op.OperationID, ids[op.OperationID])
		}
		ids[op.OperationID] = name
		if op.Summary == "" || len(op.Tags) != 1 || !slices.Contains(tags, op.Tags[0]) {
			t.Errorf("%s: summary %q, tags %q", name, op.Summary, op.Tags)
		}
		certificate := strings.HasSuffix(name, mappingSuffix)
		anybody, keys := len(op.Security) == 0, 0
		for _, way := range op.Security {
			anybody = anybody || len(way) == 0
			if _, byKey := way["key"]; byKey {
				keys++
			} else if _, byBearer := way["bearer"]; byBearer {
				keys++
			}
		}
		if op.Security == nil || anybody != slices.Contains(open, name) || !anybody && certificate == (keys == 2) {
			t.Errorf("A3 %s: security %v", name, op.Security)
		}
		if _, refused := op.Responses["401"]; refused == (anybody || certificate) {
			t.Errorf("A3 %s: 401 is documented: %v", name, refused)
		}
		method, _, _ := strings.Cut(name, " ")
		if writes := method == "POST" || method == "PUT"; writes != (op.RequestBody != nil) || writes != (op.Responses["413"] != nil) {
			t.Errorf("%s: body %s, 413 %s", name, op.RequestBody, op.Responses["413"])
		}
		if _, crossSite := op.Responses["403"]; crossSite != (method != "GET" || certificate) {
			t.Errorf("A1 %s: 403 is documented: %v", name, crossSite)
		}
	}
}

// TestOpenAPIRoutes: every route is documented and every documented one is there.
func TestOpenAPIRoutes(t *testing.T) {
	t.Parallel()
	_, doc := readOpenAPI(t, nil)
	documented := map[string]bool{}
	for name := range doc.operations(t) {
		documented[anonymous(name)] = true
	}
	registered := map[string]bool{}
	for path, methods := range testRouter(t).methods {
		for _, method := range methods {
			if method != http.MethodHead || !slices.Contains(methods, http.MethodGet) { // those of GET have HEAD
				registered[anonymous(method+" "+path)] = true
			}
		}
	}
	for route := range registered {
		if !documented[route] {
			t.Errorf("%s is not documented", route)
		}
	}
	for route := range documented {
		if !registered[route] {
			t.Errorf("%s is documented and does not exist", route)
		}
	}
}

var parameterName = regexp.MustCompile(`\{[^}]*\}`)

// anonymous leaves out what a path's parameters are called.
func anonymous(route string) string { return parameterName.ReplaceAllString(route, "{}") }

func testRouter(t *testing.T) *router {
	t.Helper()
	mem := store.NewMemory()
	t.Cleanup(func() { _ = mem.Close() })
	feed := store.NewFeed(mem, store.FeedConfig{})
	svc, err := authmethods.New(authmethods.NewRecords(mem, feed, 10), authmethods.Declared{}, authmethods.Deps{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	certs, err := authn.NewClientCerts(authn.ClientCertConfig{}, authn.ClientCertDeps{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(certs.Close)
	h, err := New(Deps{AuthMethods: svc, ClientCerts: certs, Audit: audit.New(mem, zap.NewNop(), nil), Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	r, ok := h.(*router)
	if !ok {
		t.Fatalf("the handler is a %T", h)
	}
	return r
}

// TestOpenAPIParts: what is not mounted is not described.
func TestOpenAPIParts(t *testing.T) {
	t.Parallel()
	_, all := readOpenAPI(t, nil)
	_, none := readOpenAPI(t, []string{"no such api"})
	if _, there := none.Paths["/v1/authm"]; there || none.Paths["/healthz"] == nil || len(none.Paths) >= len(all.Paths) {
		t.Errorf("paths %d of %d", len(none.Paths), len(all.Paths))
	}
}
