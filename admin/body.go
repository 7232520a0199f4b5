package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/authgate/authgate/internal/strictjson"
)

// parseQuery reads the query of a route that has parameters. What cannot be read is refused: a filter left
// out would make the answer look like all there is.
func parseQuery(r *http.Request) (url.Values, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, &requestError{http.StatusBadRequest, "The query is malformed"}
	}
	return values, nil
}

const (
	maxBody  = 1 << 20
	maxDepth = 32
)

// members are the names in a body's object, as written.
type members []string

// has reports whether the body holds the member; names match as encoding/json matches them.
func (m members) has(name string) bool {
	for _, n := range m {
		if strings.EqualFold(n, name) {
			return true
		}
	}
	return false
}

// readJSON decodes the first JSON value of the body into v as upstream does: unknown members and text
// after the value are ignored, names match whatever their case. Two members of one object that decode
// to the same field are refused, since two readers would take different ones (specs J15, A4).
func readJSON(w http.ResponseWriter, r *http.Request, v any) (members, error) {
	if err := checkMedia(r.Header); err != nil {
		return nil, err
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return nil, &requestError{http.StatusRequestEntityTooLarge, "The request body is larger than 1 MiB"}
		}
		return nil, badJSON("unexpected EOF")
	}
	var raw json.RawMessage
	if err := json.NewDecoder(bytes.NewReader(body)).Decode(&raw); err != nil {
		return nil, badJSON(err.Error())
	}
	if err := strictjson.Check(raw, maxDepth); err != nil {
		return nil, badJSON(err.Error())
	}
	var object map[string]json.RawMessage
	_ = json.Unmarshal(raw, &object) // not an object: decoding into v says so below
	names := make(members, 0, len(object))
	folded := make(map[string]struct{}, len(object))
	for name := range object {
		f := strings.ToLower(strings.ToUpper(name))
		if _, twice := folded[f]; twice {
			return nil, badJSON(strictjson.ErrDuplicate.Error())
		}
		folded[f] = struct{}{}
		names = append(names, name)
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return nil, badJSON(decoderText(err))
	}
	return names, nil
}

// checkMedia refuses bodies that cannot be JSON (specs A4). Upstream looks at no Content-Type, and its
// clients send none, application/javascript or what curl -d sends; so only the types of browsers' forms
// that no such client sends are refused, and encodings nobody decodes here.
func checkMedia(h http.Header) error {
	for _, line := range h["Content-Type"] {
		media, _, _ := strings.Cut(strings.ToLower(line), ";")
		if media = strings.TrimSpace(media); media == "text/plain" || strings.HasPrefix(media, "multipart/") {
			return errMedia
		}
	}
	for _, line := range h["Content-Encoding"] {
		if !strings.EqualFold(strings.TrimSpace(line), "identity") {
			return errMedia
		}
	}
	return nil
}

var errMedia = &requestError{http.StatusUnsupportedMediaType, "The request body must be JSON and not encoded"}

func badJSON(text string) error {
	return &requestError{http.StatusBadRequest, "Poorly formatted JSON. " + text}
}

// decoderText keeps the decoder's words but not the names of our Go types.
func decoderText(err error) string {
	var t *json.UnmarshalTypeError
	if !errors.As(err, &t) {
		return err.Error()
	}
	into := "value"
	if t.Field != "" {
		into = "field " + t.Field
	}
	return fmt.Sprintf("json: cannot unmarshal %s into %s of type %s", t.Value, into, jsonType(t))
}

func jsonType(t *json.UnmarshalTypeError) string {
	switch t.Type.Kind().String() {
	case "struct", "map":
		return "object"
	case "slice":
		return "array"
	case "ptr":
		return t.Type.Elem().String()
	}
	return t.Type.String()
}
