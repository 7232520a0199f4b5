package admin

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
)

// document answers /openapi.json: the description of what is mounted. It needs no credential, since it
// tells nothing that the published documentation does not.
type document struct {
	text []byte
	tag  string
}

func newDocument(apis []string) (*document, error) {
	text, err := openAPIDocument(apis)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(text)
	return &document{text, `"` + hex.EncodeToString(sum[:16]) + `"`}, nil
}

func (d *document) mount(r *router) {
	r.handle(http.MethodGet, "/openapi.json", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", d.tag)
		if known := strings.Join(r.Header["If-None-Match"], ","); strings.Contains(known, d.tag) || known == "*" {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		_, _ = w.Write(d.text)
	}))
}
