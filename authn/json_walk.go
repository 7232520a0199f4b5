package authn

import (
	"encoding/json"
	"strings"
)

// jsonWalk reads one JSON text that strictjson.Check has accepted, so it looks for no mistakes. It
// exists because decoding a token's payload into maps costs several times what the signature of ES256
// does in garbage, and struct decoding in encoding/json matches names by case folding.
type jsonWalk struct {
	s   string
	pos int
}

// jsonKind is the kind of a JSON value.
type jsonKind uint8

const (
	jsonNull jsonKind = iota
	jsonBool
	jsonNumber
	jsonString
	jsonArray
	jsonObject
)

// jsonValue is the text of one value. For a string the text is without the quotes.
type jsonValue struct {
	kind    jsonKind
	text    string
	escaped bool // a string with backslashes in it
}

// string returns a string value with its escapes resolved.
func (v jsonValue) string() string {
	if !v.escaped {
		return v.text
	}
	var s string
	if json.Unmarshal([]byte(`"`+v.text+`"`), &s) != nil {
		return "" // cannot be: the text has been checked
	}
	return s
}

// members calls f with each member of the object v until f returns false. It reports whether f always
// returned true.
func (v jsonValue) members(f func(name string, value jsonValue) bool) bool {
	if v.kind != jsonObject {
		return true
	}
	w := jsonWalk{s: v.text, pos: 1}
	for w.more('}') {
		name := w.value().string()
		w.skip(':')
		if !f(name, w.value()) {
			return false
		}
	}
	return true
}

// elements calls f with each element of the array v until f returns false. It reports whether f always
// returned true.
func (v jsonValue) elements(f func(jsonValue) bool) bool {
	if v.kind != jsonArray {
		return true
	}
	w := jsonWalk{s: v.text, pos: 1}
	for w.more(']') {
		if !f(w.value()) {
			return false
		}
	}
	return true
}

// parseChecked returns the value of a text that strictjson.Check has accepted.
func parseChecked(text string) jsonValue {
	w := jsonWalk{s: text}
	return w.value()
}

func (w *jsonWalk) space() {
	for w.pos < len(w.s) && (w.s[w.pos] == ' ' || w.s[w.pos] == '\t' || w.s[w.pos] == '\n' || w.s[w.pos] == '\r') {
		w.pos++
	}
}

// skip passes over white space and the one character c.
func (w *jsonWalk) skip(c byte) {
	w.space()
	if w.pos < len(w.s) && w.s[w.pos] == c {
		w.pos++
	}
}

// more passes over a comma and reports whether another item comes before end.
func (w *jsonWalk) more(end byte) bool {
	w.skip(',')
	w.space()
	return w.pos < len(w.s) && w.s[w.pos] != end
}

// value passes over the next value and returns it.
func (w *jsonWalk) value() jsonValue {
	w.space()
	if w.pos >= len(w.s) {
		return jsonValue{}
	}
	start := w.pos
	switch w.s[w.pos] {
	case '"':
		return w.text()
	case '{':
		w.nested()
		return jsonValue{kind: jsonObject, text: w.s[start:w.pos]}
	case '[':
		w.nested()
		return jsonValue{kind: jsonArray, text: w.s[start:w.pos]}
	}
	if end := strings.IndexAny(w.s[start:], ",]} \t\n\r"); end >= 0 {
		w.pos = start + end
	} else {
		w.pos = len(w.s)
	}
	v := jsonValue{kind: jsonNumber, text: w.s[start:w.pos]}
	switch v.text[0] {
	case 't', 'f':
		v.kind = jsonBool
	case 'n':
		v.kind = jsonNull
	}
	return v
}

func (w *jsonWalk) text() jsonValue {
	w.pos++
	start := w.pos
	escaped := false
	for w.pos < len(w.s) && w.s[w.pos] != '"' {
		if w.s[w.pos] == '\\' {
			escaped = true
			w.pos++
		}
		w.pos++
	}
	end := min(w.pos, len(w.s))
	w.pos = min(end+1, len(w.s))
	return jsonValue{kind: jsonString, text: w.s[start:end], escaped: escaped}
}

// nested passes over an object or array.
func (w *jsonWalk) nested() {
	depth := 0
	for w.pos < len(w.s) {
		switch w.s[w.pos] {
		case '"':
			w.text()
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		w.pos++
		if depth == 0 {
			return
		}
	}
}
