package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
)

// apiError is a refusal by the API, in its words.
type apiError struct {
	status  int
	message string
}

func (e *apiError) Error() string { return fmt.Sprintf("%s (status %d)", e.message, e.status) }

// isStatus reports whether the API refused with one of the statuses.
func isStatus(err error, statuses ...int) bool {
	var refused *apiError
	if !errors.As(err, &refused) {
		return false
	}
	for _, s := range statuses {
		if refused.status == s {
			return true
		}
	}
	return false
}

const maxMessage = 1000

// newAPIError reads an error answer: the API's envelope, or Caddy's {"error": "text"}, and adds what can be
// done about it.
func newAPIError(server string, resp *http.Response, data []byte) error {
	message := errorText(data)
	if message == "" {
		return hinted(fmt.Errorf("%s answers %d, and not as a management API does", server, resp.StatusCode), "check --server or "+envServer)
	}
	err := &apiError{status: resp.StatusCode, message: clip(message, maxMessage)}
	switch resp.StatusCode {
	case http.StatusUnauthorized:
		return hinted(err, "the gateway does not take this key; check %s or --key-file against its admin_key", envKey)
	case http.StatusNotFound:
		if message == "Not found" { // no such route, rather than no such object
			return hinted(err, "this gateway does not serve that API; check --server, and which APIs its authgate_admin names")
		}
	case http.StatusPreconditionFailed:
		return hinted(err, "somebody changed it since that revision; get it again, and repeat the change with the new revision")
	case http.StatusServiceUnavailable:
		return hinted(err, "nothing is wrong with the request; try again, and see 'authgate admin status' on the gateway's machine")
	case http.StatusUnprocessableEntity:
		if flag, ok := flagOf(message); ok {
			return hinted(err, "that field is set with %s", flag)
		}
	}
	return err
}

func errorText(data []byte) string {
	var envelope struct {
		Error json.RawMessage `json:"error"`
	}
	if json.Unmarshal(data, &envelope) != nil {
		return ""
	}
	var detail struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(envelope.Error, &detail) == nil {
		return detail.Message
	}
	var text string
	_ = json.Unmarshal(envelope.Error, &text) // else it stays empty
	return text
}

// The API's ways to name a field: "empty value for field: host", "Field: port contains ...", "type: x is not yet ...".
var fieldName = regexp.MustCompile(`field: ([a-z_]+)$|^Field: ([a-z_]+) |^(Auth type|[a-z_]+): `)

// flagOf returns the flag that sets the field an error text names.
func flagOf(message string) (flag string, ok bool) {
	m := fieldName.FindStringSubmatch(message)
	if m == nil {
		return "", false
	}
	flag, ok = map[string]string{
		"hosts": "--host", "host": "--host", "auth_types": "--auth-type", "auth_type": "--auth-type",
		"Auth type": "--auth-type", "auth_method": "--auth-method", "type": "--type",
		"service_uuid": "--service-type", "auth_identifier": "--auth-identifier", "unique_key": "--unique-key",
		"access_key": "--access-key-file", "headers": "--header", "path": "--path", "retrieval_field": "--retrieval-field",
	}[m[1]+m[2]+m[3]]
	return flag, ok
}
