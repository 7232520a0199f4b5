package openapitest

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// base is where schemas of the document refer to.
const base = "https://document.invalid/openapi.json"

// loader makes a Validator of a document.
type loader struct {
	root     node
	compiler *jsonschema.Compiler
}

func newLoader(v any) (*loader, error) {
	object, ok := v.(map[string]any)
	if !ok {
		return nil, errNoObject
	}
	c := newCompiler()
	if err := c.AddResource(base, object); err != nil {
		return nil, err
	}
	doc := &document{root: object}
	return &loader{root: node{doc, "#", object}, compiler: c}, nil
}

func methods() []string {
	return []string{
		http.MethodGet, http.MethodPut, http.MethodPost, http.MethodDelete, http.MethodOptions, http.MethodHead,
		http.MethodPatch, http.MethodTrace,
	}
}

func (l *loader) load() (*Validator, error) {
	v := &Validator{fallback: map[string]operation{}, seen: map[string]bool{}}
	paths, _, err := l.root.child("paths")
	if err != nil {
		return nil, err
	}
	for _, path := range paths.names() {
		item, _, err := paths.child(path)
		if err != nil {
			return nil, err
		}
		p := pathItem{parseTemplate(path), map[string]operation{}}
		for _, method := range methods() {
			op, ok, err := item.child(strings.ToLower(method))
			if err == nil && ok {
				p.operations[method], err = l.operation(method+" "+path, op)
			}
			if err != nil {
				return nil, err
			}
		}
		v.paths = append(v.paths, p)
	}
	for _, place := range []string{unknownPath, unknownMethod} {
		n, ok, err := l.root.child(place)
		if err == nil && ok {
			v.fallback[place], err = l.operation(place, n)
		}
		if err != nil {
			return nil, err
		}
		if !ok {
			v.fallback[place] = operation{name: place}
		}
	}
	if err := l.components(); err != nil {
		return nil, err
	}
	for _, p := range v.paths {
		for _, op := range p.operations {
			v.expect(op)
		}
	}
	for _, op := range v.fallback {
		v.expect(op)
	}
	return v, nil
}

func (v *Validator) expect(op operation) {
	for status := range op.answers {
		v.seen[op.name+" "+strconv.Itoa(status)] = false
	}
}

func (l *loader) operation(name string, n node) (operation, error) {
	op := operation{name: name, answers: map[int]answer{}}
	if request, ok, err := n.child("requestBody"); err != nil {
		return op, err
	} else if ok {
		if _, err := l.content(request); err != nil {
			return op, err
		}
	}
	responses, _, err := n.child("responses")
	if err != nil {
		return op, err
	}
	for _, text := range responses.names() {
		status, err := strconv.Atoi(text)
		if err != nil {
			return op, fmt.Errorf("%s: %q is not one status", responses.at, text)
		}
		response, _, err := responses.child(text)
		if err != nil {
			return op, err
		}
		if op.answers[status], err = l.answer(response); err != nil {
			return op, err
		}
	}
	return op, nil
}

func (l *loader) answer(n node) (answer, error) {
	a := answer{headers: map[string]header{}}
	headers, _, err := n.child("headers")
	if err != nil {
		return a, err
	}
	for _, name := range headers.names() {
		h, _, err := headers.child(name)
		if err != nil {
			return a, err
		}
		schema, err := l.schema(h)
		if err != nil {
			return a, err
		}
		required, _ := h.object["required"].(bool)
		inner, _ := h.object["schema"].(map[string]any)
		a.headers[http.CanonicalHeaderKey(name)] = header{required: required, integer: inner["type"] == "integer", schema: schema}
	}
	a.bodies, err = l.content(n)
	return a, err
}

// content returns the schemas of n's media types.
func (l *loader) content(n node) (map[string]*jsonschema.Schema, error) {
	content, _, err := n.child("content")
	if err != nil {
		return nil, err
	}
	bodies := map[string]*jsonschema.Schema{}
	for _, kind := range content.names() {
		media, _, err := content.child(kind)
		if err != nil {
			return nil, err
		}
		if bodies[kind], err = l.schema(media); err != nil {
			return nil, err
		}
	}
	return bodies, nil
}

// schema compiles the schema of a media type, header or parameter, and holds its example to it.
func (l *loader) schema(n node) (*jsonschema.Schema, error) {
	if _, ok := n.object["schema"]; !ok {
		return nil, fmt.Errorf("%s has no schema", n.at)
	}
	schema, err := l.compiler.Compile(base + n.at + "/schema")
	if err != nil {
		return nil, err
	}
	if example, ok := n.object["example"]; ok {
		if err := schema.Validate(example); err != nil {
			return nil, fmt.Errorf("the example of %s: %w", n.at, err)
		}
	}
	return schema, nil
}

// components compiles the schemas that nothing may refer to yet.
func (l *loader) components() error {
	components, _, err := l.root.child("components")
	if err != nil {
		return err
	}
	var problems []error
	for _, place := range []string{"schemas", "parameters", "headers", "requestBodies", "responses"} {
		group, _, err := components.child(place)
		if err != nil {
			return err
		}
		for _, name := range group.names() {
			problems = append(problems, l.component(place, group, name))
		}
	}
	return errors.Join(problems...)
}

func (l *loader) component(place string, group node, name string) error {
	n, _, err := group.child(name)
	switch {
	case err != nil:
		return err
	case place == "schemas":
		_, err = l.compiler.Compile(base + group.at + "/" + escapePointer(name))
	case slices.Contains([]string{"parameters", "headers"}, place):
		_, err = l.schema(n)
	case place == "requestBodies":
		_, err = l.content(n)
	default:
		_, err = l.answer(n)
	}
	return err
}
