package admin

import (
	"embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// openAPIFiles are the parts of the OpenAPI document, one per group of routes.
//
//go:embed openapi/*.json
var openAPIFiles embed.FS

// openAPIParts are the parts that the routes of an API are described in. Those without an API are in
// every document.
func openAPIParts(api string) []string {
	switch api {
	case "":
		return []string{"common", "about", "audit"}
	case APIAuthMethods:
		return []string{"authmethods", "bindings", "mapping"}
	}
	return nil
}

// openAPIDocument returns the OpenAPI 3.1 document of what is mounted with these APIs; none means all.
func openAPIDocument(apis []string) ([]byte, error) {
	if len(apis) == 0 {
		apis = Names()
	}
	doc := map[string]any{}
	for _, api := range append([]string{""}, apis...) {
		for _, name := range openAPIParts(api) {
			part, err := readOpenAPIPart(name)
			if err == nil {
				err = mergeOpenAPI(doc, part, "")
			}
			if err != nil {
				return nil, fmt.Errorf("reading part %s of the OpenAPI document: %w", name, err)
			}
		}
	}
	return json.Marshal(doc)
}

func readOpenAPIPart(name string) (map[string]any, error) {
	text, err := openAPIFiles.ReadFile("openapi/" + name + ".json")
	if err != nil {
		return nil, err
	}
	var part struct {
		Aliases []openAPIAlias `json:"x-aliases"`
	}
	var doc map[string]any
	if err := json.Unmarshal(text, &part); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	delete(doc, "x-aliases")
	paths, _ := doc["paths"].(map[string]any)
	for _, alias := range part.Aliases {
		maps.Copy(paths, alias.paths(paths))
	}
	return doc, nil
}

// openAPIAlias says that a path and, unless Exact, all below it answer under another name too (D1, D3).
type openAPIAlias struct {
	Of      string   `json:"of"`
	Is      string   `json:"is"`
	Suffix  string   `json:"suffix"` // of the operations' ids, which must be unique
	Exact   bool     `json:"exact"`
	Methods []string `json:"methods"` // nil: all
}

// paths returns the alias' path items.
func (a openAPIAlias) paths(all map[string]any) map[string]any {
	found := map[string]any{}
	for path, item := range all {
		rest, below := strings.CutPrefix(path, a.Of)
		if !below || rest != "" && (a.Exact || rest[0] != '/') {
			continue
		}
		copied := map[string]any{}
		for member, v := range item.(map[string]any) {
			op, isOperation := v.(map[string]any)
			switch {
			case !isOperation:
				copied[member] = v
			case a.has(member):
				op = maps.Clone(op)
				op["operationId"] = fmt.Sprint(op["operationId"], a.Suffix)
				copied[member] = op
			}
		}
		found[a.Is+rest] = copied
	}
	return found
}

func (a openAPIAlias) has(method string) bool {
	return a.Methods == nil || slices.Contains(a.Methods, method)
}

// mergeOpenAPI adds a part to doc: objects by member, lists at the end. Nothing may be said twice.
func mergeOpenAPI(doc, part map[string]any, at string) error {
	for name, v := range part {
		old, there := doc[name]
		if !there {
			doc[name] = v
			continue
		}
		oldList, isList := old.([]any)
		newList, _ := v.([]any)
		oldObject, isObject := old.(map[string]any)
		newObject, _ := v.(map[string]any)
		switch {
		case isList && newList != nil:
			doc[name] = append(oldList, newList...)
		case isObject && newObject != nil:
			if err := mergeOpenAPI(oldObject, newObject, at+"/"+name); err != nil {
				return err
			}
		default:
			return fmt.Errorf("%s/%s is there already", at, name)
		}
	}
	return nil
}
