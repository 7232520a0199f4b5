package admin

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/authgate/authgate/internal/fault"
)

// The auth-method API's dialect (specs/auth-methods 1 and 3): JSON indented by one space, no newline at
// the end, and one envelope for errors. Routes that belong to no API answer in it too.

type errorBody struct {
	Error errorDetail `json:"error"`
}

type errorDetail struct {
	Message string `json:"message"`
	Code    int    `json:"code"`
	Status  string `json:"status"`
}

// requestError is a refusal decided in this package, with the text the client gets.
type requestError struct {
	code    int
	message string
}

func (e *requestError) Error() string { return e.message }

// invalidInput is upstream's refusal of a value (E422-inv), which it has but does not use.
func invalidInput(field, reason string) error {
	return &requestError{http.StatusUnprocessableEntity, "Field: " + field + " contains invalid data. " + reason}
}

// statusWord is upstream's word for a status: upper case, and ACCESS_FORBIDDEN for 403.
func statusWord(code int) string {
	switch code {
	case http.StatusBadRequest:
		return "BAD REQUEST"
	case http.StatusUnauthorized:
		return "UNAUTHORIZED"
	case http.StatusForbidden:
		return "ACCESS_FORBIDDEN"
	case http.StatusNotFound:
		return "NOT FOUND"
	case http.StatusMethodNotAllowed:
		return "METHOD NOT ALLOWED"
	case http.StatusConflict:
		return "CONFLICT"
	case http.StatusPreconditionFailed:
		return "PRECONDITION FAILED"
	case http.StatusRequestEntityTooLarge:
		return "REQUEST ENTITY TOO LARGE"
	case http.StatusUnsupportedMediaType:
		return "UNSUPPORTED MEDIA TYPE"
	case http.StatusMisdirectedRequest:
		return "MISDIRECTED REQUEST"
	case http.StatusUnprocessableEntity:
		return "UNPROCESSABLE ENTITY"
	case http.StatusServiceUnavailable:
		return "SERVICE UNAVAILABLE"
	}
	return "INTERNAL SERVER ERROR"
}

// errorAnswer turns any error into the status and the text the client may see. Only texts made for
// clients pass: this package's refusals, authmethods' Invalid, NotFound, Exists and Conflict, and what
// mappingAnswer lets through.
func errorAnswer(err error) (code int, message string) {
	var refused *requestError
	if errors.As(err, &refused) {
		return refused.code, refused.message
	}
	if code, message, ok := mappingAnswer(err); ok {
		return code, message
	}
	var f *fault.Error
	if !errors.As(err, &f) {
		return http.StatusInternalServerError, "Internal Error"
	}
	switch f.Kind {
	case fault.Invalid:
		code = http.StatusUnprocessableEntity
	case fault.NotFound:
		code = http.StatusNotFound
	case fault.Exists, fault.Conflict:
		code = http.StatusConflict
	case fault.Precondition: // changed by others since it was looked up
		return errPrecondition.code, errPrecondition.message
	case fault.Unavailable:
		return http.StatusServiceUnavailable, "The store cannot be reached now. Try again later"
	default:
		return http.StatusInternalServerError, "Internal Error"
	}
	return code, f.Err.Error()
}

func writeError(w http.ResponseWriter, code int, message string) {
	switch code {
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Bearer realm="authgate"`)
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "1")
	}
	writeJSON(w, code, errorBody{errorDetail{Message: message, Code: code, Status: statusWord(code)}})
}

// writeJSON writes v as the dialect does. A failure to marshal cannot happen with this package's DTOs.
func writeJSON(w http.ResponseWriter, code int, v any) {
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		http.Error(w, "", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(code)
	_, _ = w.Write(b)
}
