package admintest

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
)

var (
	uuidPattern = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`)
	timePattern = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`)
)

// fixed replaces what the server makes up.
func fixed(text string) string {
	return timePattern.ReplaceAllString(uuidPattern.ReplaceAllString(text, "UUID"), "TIME")
}

// envelope is the bytes of an error answer.
func envelope(code int, status, message string) string {
	return fmt.Sprintf("{\n \"error\": {\n  \"message\": \"%s\",\n  \"code\": %d,\n  \"status\": \"%s\"\n }\n}", message, code, status)
}

func notFound(what string) string { return envelope(404, "NOT FOUND", what+" was not found") }

// noRoute is the answer to what is no path of the API at all.
func noRoute() string { return envelope(404, "NOT FOUND", "Not found") }

func conflict(resource, field, value string) string {
	return envelope(409, "CONFLICT", resource+" object with "+field+": "+value+" already exists")
}

func unprocessable(text string) string { return envelope(422, "UNPROCESSABLE ENTITY", text) }

func empty(resource, field string) string {
	return unprocessable(resource + " object contains empty fields. empty value for field: " + field)
}

func unsupported(text string) string {
	return unprocessable(strings.Replace(text, "|", " is not yet supported.Supported:", 1))
}

func invalidData(field, reason string) string {
	return unprocessable("Field: " + field + " contains invalid data. " + reason)
}

func badJSON(text string) string {
	return envelope(400, "BAD REQUEST", "Poorly formatted JSON. "+text)
}

func wrongCredentials() string { return envelope(401, "UNAUTHORIZED", "Wrong Credentials") }

// wantHeaders checks what every answer with a body carries.
func (h *harness) wantHeaders(a answer) {
	h.Helper()
	for name, want := range map[string]string{
		"Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-store", "Access-Control-Allow-Origin": "",
	} {
		if got := strings.Join(a.header.Values(name), "|"); got != want {
			h.Errorf("%s: %q, want %q", http.CanonicalHeaderKey(name), got, want)
		}
	}
}
