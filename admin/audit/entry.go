package audit

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// The outcomes of a write.
const (
	Accepted = "accepted"
	Refused  = "refused"
)

// Entry is one accepted or refused write. It names the object and holds none of its values.
type Entry struct {
	Time       time.Time     `json:"time"`                 // when it was judged; zero: when it is appended
	Caller     string        `json:"caller"`               // how the caller is known; empty: the caller is not
	Remote     string        `json:"remote"`               // the address the request came from
	Verb       string        `json:"verb"`                 // "create", "update", "delete", ...
	Kind       string        `json:"kind"`                 // the kind of object, as "auth method"
	ID         string        `json:"id"`                   // the object's uuid; empty for a refused one
	Name       string        `json:"name"`                 // the object as the request named it, as in "reports/api.internal"
	Revision   int64         `json:"revision"`             // the store's, of the change; 0 for a refused one
	Outcome    string        `json:"outcome"`              // Accepted or Refused
	Status     int           `json:"status"`               // of the HTTP answer
	Duration   time.Duration `json:"-"`                    // only in the log line
	Suppressed int           `json:"suppressed,omitempty"` // set by the Log: how many entries of such callers before this one are only in the log
}

// How long the texts of an entry get, in bytes.
const (
	maxWord   = 64 // verb, kind, outcome, remote
	maxCaller = 256
	maxID     = 300
)

// cleaned returns e with texts that cannot break a line of a log or a terminal (log injection).
func (e Entry) cleaned() Entry {
	e.Caller, e.ID, e.Name = clean(e.Caller, maxCaller), clean(e.ID, maxID), clean(e.Name, maxID)
	for _, s := range []*string{&e.Remote, &e.Verb, &e.Kind, &e.Outcome} {
		*s = clean(*s, maxWord)
	}
	return e
}

// clean cuts s to limit bytes and puts U+FFFD in the place of what is no UTF-8 or does not print: control
// characters, line separators, and those that turn the direction of text.
func clean(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, cut(s, limit))
	return cut(s, limit) // what was replaced has grown
}

// cut leaves no part of a character.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}
