package authmethods

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
)

// minScrub is the length from which a secret is searched inside other text; a shorter one would hit
// by chance.
const minScrub = 8

// Injected tells what Inject attached, so that it can be kept from coming back. The zero value means
// nothing was attached. It is immutable and safe for concurrent use.
type Injected struct {
	plan  *plan
	token *mappedToken // nil but in map mode; then it was attached, and plan's credential retrieved it
}

// Any reports whether a credential was attached.
func (i Injected) Any() bool { return i.plan != nil }

// Scrub deletes from h, a response's headers or trailers, every header with a value that contains an
// attached secret of at least 8 bytes or equals a shorter one, and returns how many it deleted
// (specs H16). The credential that a mapped token was retrieved with counts as attached. Values of headers that never carry credentials, such as Accept, are no secrets.
func (i Injected) Scrub(h http.Header) int {
	if i.plan == nil {
		return 0
	}
	n := 0
	for name, values := range h {
		if i.leaksInto(values) {
			delete(h, name)
			n++
		}
	}
	return n
}

func (i Injected) leaksInto(values []string) bool {
	return leaksInto(values, i.plan.leaks) || i.token != nil && leaksInto(values, i.token.leaks)
}

func leaksInto(values, leaks []string) bool {
	for _, v := range values {
		for _, leak := range leaks {
			if v == leak || len(leak) >= minScrub && strings.Contains(v, leak) {
				return true
			}
		}
	}
	return false
}

// Redact returns err, or an error of another text if err's text contains an attached secret, also as it
// stands in a query: errors of HTTP clients quote URLs (specs H17). The replacement still answers
// errors.Is and Timeout as err does, but does not give err away by Unwrap.
func (i Injected) Redact(err error) error {
	if err == nil || i.plan == nil {
		return err
	}
	text := err.Error()
	if quotes(text, i.plan.leaks) || i.token != nil && quotes(text, i.token.leaks) {
		return &redactedError{err}
	}
	return err
}

// quotes reports whether text holds one of leaks, as it is or quoted.
func quotes(text string, leaks []string) bool {
	for _, leak := range leaks {
		quoted := strconv.Quote(leak)
		if strings.Contains(text, leak) || strings.Contains(text, quoted[1:len(quoted)-1]) {
			return true
		}
	}
	return false
}

// redactedError hides the text of cause. Format and marshalling see only Error.
type redactedError struct{ cause error }

func (*redactedError) Error() string { return "the upstream failed (the message held a credential)" }

// GoString keeps %#v from printing the cause.
func (e *redactedError) GoString() string { return e.Error() }

// Is reports whether the hidden error is target.
func (e *redactedError) Is(target error) bool { return errors.Is(e.cause, target) }

// Timeout reports whether the hidden error is a timeout.
func (e *redactedError) Timeout() bool {
	var t interface{ Timeout() bool }
	return errors.As(e.cause, &t) && t.Timeout()
}
