package openapitest

import (
	"bytes"
	_ "embed" // the schema of OpenAPI documents
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/authgate/authgate/internal/strictjson"
)

//go:embed testdata/openapi-3.1.schema.json
var openAPISchema []byte

// maxDepth is how deep documents and answers nest at most.
const maxDepth = 64

// CheckDocument reports whether doc is an OpenAPI 3.1 document by OpenAPI's own schema, which does not
// look into the schemas in it: New does.
func CheckDocument(doc []byte) error {
	const at = "https://spec.openapis.org/oas/3.1/schema/2026-08-03"
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(openAPISchema))
	if err != nil {
		return err
	}
	c := newCompiler()
	if err := c.AddResource(at, schema); err != nil {
		return err
	}
	compiled, err := c.Compile(at)
	if err != nil {
		return err
	}
	v, err := parse(doc)
	if err != nil {
		return err
	}
	return compiled.Validate(v)
}

func newCompiler() *jsonschema.Compiler {
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	c.UseLoader(nowhere{})
	return c
}

// nowhere keeps schemas from naming files or addresses.
type nowhere struct{}

func (nowhere) Load(url string) (any, error) {
	return nil, fmt.Errorf("%s is not part of the document", url)
}

// parse reads JSON in which no member stands twice.
func parse(text []byte) (any, error) {
	if err := strictjson.Check(text, maxDepth); err != nil {
		return nil, err
	}
	return jsonschema.UnmarshalJSON(bytes.NewReader(text))
}

// document finds its way in a parsed document.
type document struct {
	root map[string]any
}

// node is an object of the document and its JSON pointer, which is what a schema is compiled from.
type node struct {
	doc    *document
	at     string
	object map[string]any
}

var errNoObject = errors.New("not an object")

// child returns a member of n that is an object, following references; absent if there is none.
func (n node) child(name string) (child node, ok bool, err error) {
	v, ok := n.object[name]
	if !ok {
		return node{}, false, nil
	}
	object, isObject := v.(map[string]any)
	child = node{n.doc, n.at + "/" + escapePointer(name), object}
	if !isObject {
		return child, true, fmt.Errorf("%s: %w", child.at, errNoObject)
	}
	child, err = child.resolve()
	return child, true, err
}

// resolve follows references.
func (n node) resolve() (node, error) {
	for range 8 {
		ref, ok := n.object["$ref"].(string)
		if !ok {
			return n, nil
		}
		next, err := n.doc.pointer(ref)
		if err != nil {
			return n, fmt.Errorf("%s: %w", n.at, err)
		}
		n = next
	}
	return n, fmt.Errorf("%s: too many references", n.at)
}

// pointer returns the object that a reference within the document names.
func (d *document) pointer(ref string) (node, error) {
	n := node{d, "#", d.root}
	rest, ok := strings.CutPrefix(ref, "#/")
	if !ok {
		return n, fmt.Errorf("%s does not stay in the document", ref)
	}
	for part := range strings.SplitSeq(rest, "/") {
		name := strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
		object, ok := n.object[name].(map[string]any)
		if !ok {
			return n, fmt.Errorf("%s leads nowhere", ref)
		}
		n = node{d, n.at + "/" + part, object}
	}
	return n, nil
}

// names returns the names of n's members in order.
func (n node) names() []string {
	names := make([]string, 0, len(n.object))
	for name := range n.object {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func escapePointer(name string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}
