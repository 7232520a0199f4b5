package openapitest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// The places of what is said of paths and methods that the document does not name.
const (
	unknownPath   = "x-unknown-path"
	unknownMethod = "x-unknown-method"
)

// Validator judges answers by a document. It is safe for concurrent use.
type Validator struct {
	paths    []pathItem
	fallback map[string]operation // by unknownPath and unknownMethod

	mu   sync.Mutex
	seen map[string]bool // by operation and status: has it been seen?
}

type pathItem struct {
	template   template
	operations map[string]operation // by method
}

// operation is what can be answered.
type operation struct {
	name    string
	answers map[int]answer
}

// answer is what one status looks like.
type answer struct {
	headers map[string]header // by canonical name
	bodies  map[string]*jsonschema.Schema
}

type header struct {
	required bool
	integer  bool
	schema   *jsonschema.Schema
}

// New reads a document. It fails if a schema in it is none, a reference leads nowhere, or an example does
// not fit its schema.
func New(doc []byte) (*Validator, error) {
	v, err := parse(doc)
	if err != nil {
		return nil, fmt.Errorf("reading OpenAPI document: %w", err)
	}
	l, err := newLoader(v)
	if err != nil {
		return nil, fmt.Errorf("reading OpenAPI document: %w", err)
	}
	validator, err := l.load()
	if err != nil {
		return nil, fmt.Errorf("reading OpenAPI document: %w", err)
	}
	return validator, nil
}

// CheckResponse judges the answer to a request for a path as sent. It reads the body and puts it back.
func (v *Validator) CheckResponse(method, path string, resp *http.Response) error {
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return v.Check(method, path, resp.StatusCode, resp.Header, body)
}

// Check judges one answer. The path is the request's as it was sent, with or without its query. HEAD is
// judged as GET whose body is left out.
func (v *Validator) Check(method, path string, status int, header http.Header, body []byte) error {
	op := v.find(method, path)
	a, ok := op.answers[status]
	if !ok {
		return fmt.Errorf("%s %s: %s has no answer %d", method, withoutQuery(path), op.name, status)
	}
	v.mu.Lock()
	v.seen[op.name+" "+strconv.Itoa(status)] = true
	v.mu.Unlock()
	if err := errors.Join(a.checkHeaders(header), a.checkBody(method, header, body)); err != nil {
		return fmt.Errorf("%s %s answered %d: %w", method, withoutQuery(path), status, err)
	}
	return nil
}

// Exercised returns the operations and statuses that were seen, as "GET /v1/things 200".
func (v *Validator) Exercised() []string { return v.list(true) }

// Unexercised returns those that the document has and nobody has seen.
func (v *Validator) Unexercised() []string { return v.list(false) }

func (v *Validator) list(seen bool) []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	names := []string{}
	for name, was := range v.seen {
		if was == seen {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// find returns what is said of a request.
func (v *Validator) find(method, path string) operation {
	path = withoutQuery(path)
	var best *pathItem
	for i, item := range v.paths {
		if item.template.matches(path) && (best == nil || item.template.beats(best.template)) {
			best = &v.paths[i]
		}
	}
	if best == nil {
		return v.fallback[unknownPath]
	}
	if op, ok := best.operations[method]; ok {
		return op
	}
	if op, ok := best.operations[http.MethodGet]; ok && method == http.MethodHead {
		return op
	}
	return v.fallback[unknownMethod]
}

// withoutQuery also keeps credentials of the query out of errors.
func withoutQuery(path string) string {
	path, _, _ = strings.Cut(path, "?")
	return path
}
