package openapitest

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// transportHeaders are what HTTP servers add, whatever is served.
func transportHeaders() []string {
	return []string{"Alt-Svc", "Connection", "Content-Length", "Content-Type", "Date", "Server", "Transfer-Encoding", "Via"}
}

func (a answer) checkHeaders(given http.Header) error {
	var problems []error
	for name, values := range given {
		h, documented := a.headers[name]
		switch {
		case documented && len(values) != 1:
			problems = append(problems, fmt.Errorf("header %s: %d values", name, len(values)))
		case documented:
			if err := h.check(values[0]); err != nil {
				problems = append(problems, fmt.Errorf("header %s: %w", name, err))
			}
		case !slices.Contains(transportHeaders(), name):
			problems = append(problems, fmt.Errorf("header %s is not documented", name))
		}
	}
	for name, h := range a.headers {
		if _, sent := given[name]; h.required && !sent {
			problems = append(problems, fmt.Errorf("header %s is missing", name))
		}
	}
	return errors.Join(problems...)
}

func (h header) check(value string) error {
	var v any = value
	if h.integer {
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return errors.New("not a number")
		}
		v = n
	}
	return h.schema.Validate(v)
}

func (a answer) checkBody(method string, given http.Header, body []byte) error {
	if len(a.bodies) == 0 {
		if len(body) > 0 {
			return errors.New("a body is not documented")
		}
		return nil
	}
	kind, params, err := mime.ParseMediaType(given.Get("Content-Type"))
	if err != nil {
		return fmt.Errorf("header Content-Type: %w", err)
	}
	schema, ok := a.bodies[kind]
	if charset := params["charset"]; !ok || charset != "" && !strings.EqualFold(charset, "utf-8") {
		return fmt.Errorf("header Content-Type: %s is not documented", kind)
	}
	if method == http.MethodHead {
		if len(body) > 0 {
			return errors.New("an answer to HEAD has a body")
		}
		return nil
	}
	v, err := parse(body)
	if err != nil {
		return fmt.Errorf("body: %w", err)
	}
	if err := schema.Validate(v); err != nil {
		return fmt.Errorf("body: %w", err)
	}
	return nil
}
