package secret_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"text/template"

	"github.com/authgate/authgate/internal/secret"
)

const plain = "hunter2-LEAK"

// holder holds a secret the ways structs do.
type holder struct {
	Exported secret.String
	hidden   secret.String
	Pointer  *secret.String
	List     []secret.String
	Map      map[string]secret.String
}

func newHolder() holder {
	s := secret.New(plain)
	return holder{Exported: s, hidden: s, Pointer: &s, List: []secret.String{s}, Map: map[string]secret.String{"k": s}}
}

// TestNeverPrinted tries every way a value gets into a text by accident.
func TestNeverPrinted(t *testing.T) {
	t.Parallel()
	s, h := secret.New(plain), newHolder()
	var texts []string
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%08b", "%10s", "%T %v", "%!"} {
		texts = append(texts, fmt.Sprintf(verb, s), fmt.Sprintf(verb, &s), fmt.Sprintf(verb, h.Exported), fmt.Sprintf(verb, h.List), fmt.Sprintf(verb, h.Map))
	}
	texts = append(texts, fmt.Sprint(s), fmt.Sprintln(s), s.String(), s.GoString(), fmt.Errorf("x: %v", s).Error(), fmt.Sprintf("%v", h.Pointer))
	for name, marshal := range map[string]func() ([]byte, error){
		"json":         func() ([]byte, error) { return json.Marshal(h) },
		"json_pointer": func() ([]byte, error) { return json.Marshal(&h) },
		"json_map":     func() ([]byte, error) { return json.Marshal(h.Map) },
		"xml":          func() ([]byte, error) { return xml.Marshal(s) },
		"text":         s.MarshalText,
	} {
		data, err := marshal()
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		texts = append(texts, string(data))
	}
	var buf bytes.Buffer
	slog.New(slog.NewJSONHandler(&buf, nil)).Info("x", "secret", s, "holder", h)
	slog.New(slog.NewTextHandler(&buf, nil)).Info("x", "secret", s, slog.Any("list", h.List))
	if err := template.Must(template.New("").Parse("{{.}} {{printf \"%v\" .}}")).Execute(&buf, s); err != nil {
		t.Fatal(err)
	}
	texts = append(texts, buf.String())
	for _, text := range texts {
		if strings.Contains(text, "LEAK") || strings.Contains(text, fmt.Sprintf("%x", plain)) || strings.Contains(text, fmt.Sprintf("%v", []byte(plain))) {
			t.Errorf("the secret got into %q", text)
		}
	}
	if got := fmt.Sprintf("%v|%s", s, h.List); got != "REDACTED|[REDACTED]" {
		t.Errorf("got %q", got)
	}
}

// TestHiddenField: fmt cannot call methods on unexported fields, so the text must not be in reach of its
// reflection either.
func TestHiddenField(t *testing.T) {
	t.Parallel()
	h := newHolder()
	if h.hidden.Empty() {
		t.Fatal("nothing is hidden")
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		for _, v := range []any{h, &h, []holder{h}} {
			if text := fmt.Sprintf(verb, v); strings.Contains(text, "LEAK") || strings.Contains(text, fmt.Sprintf("%x", plain)) {
				t.Errorf("%s prints %q", verb, text)
			}
		}
	}
}

func TestEqual(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		a, b string
		want bool
	}{{"x", "x", true}, {"", "", true}, {"x", "y", false}, {"x", "xx", false}, {"", "x", false}, {"\x00", "", false}} {
		if got := secret.New(tt.a).Equal(secret.New(tt.b)); got != tt.want {
			t.Errorf("%q and %q: got %t, want %t", tt.a, tt.b, got, tt.want)
		}
	}
}

func TestRevealAndEmpty(t *testing.T) {
	t.Parallel()
	var zero secret.String
	if !zero.Empty() || zero.Reveal() != "" || zero.String() != secret.Redacted {
		t.Error("the zero value is not the empty secret")
	}
	if s := secret.New(plain); s.Empty() || s.Reveal() != plain {
		t.Error("a secret does not reveal what it was made of")
	}
}
