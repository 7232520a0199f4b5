package admin

import (
	"context"
	"net/http"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/authgate/authgate/admin/audit"
	"github.com/authgate/authgate/internal/fault"
)

// The kinds of objects, as audit entries and log lines call them.
const (
	kindServiceType = "service type"
	kindMethod      = "auth method"
	kindBinding     = "binding"
)

func kinds() []string { return []string{kindServiceType, kindMethod, kindBinding} }

// api is what all routes with a credential share: who may use them, and the audit log.
type api struct {
	guard guard
	audit *audit.Log
	log   *zap.Logger
	now   func() time.Time
}

// view is what a read shows: an object with its revision, or something that has none.
type view struct {
	body     any
	revision int64
}

// outcome is what a write did: the object's uuid, what it is called if the path does not say all of that,
// the store's revision and the answer.
type outcome struct {
	id, name string
	revision int64
	code     int
	body     any // nil for none
}

// read wraps a handler that only reads: it authenticates the caller, judges the conditions and writes the
// answer.
func (a *api) read(h func(context.Context, *http.Request) (view, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var c conditions
		var v view
		err := a.guard.check(r)
		if err == nil {
			c, err = readConditions(r.Header)
		}
		if err == nil {
			v, err = h(r.Context(), r)
		}
		switch {
		case err != nil:
			a.refuse(w, err)
		case v.revision != 0 && !c.match.Allows(v.revision):
			a.refuse(w, errPrecondition)
		case c.none.names(v.revision):
			w.Header().Set("ETag", etag(v.revision))
			w.WriteHeader(http.StatusNotModified)
		default:
			writeObject(w, http.StatusOK, v)
		}
	})
}

// write wraps a handler that changes something: beside what read does it refuses other sites' requests,
// and appends to the audit log before the answer goes out (specs A12). The handler judges the conditions,
// where it knows the object.
func (a *api) write(verb, kind string, h func(http.ResponseWriter, *http.Request, conditions) (outcome, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		entry := audit.Entry{Time: a.now(), Remote: remoteHost(r), Verb: verb, Kind: kind}
		var c conditions
		var out outcome
		err := sameSite(r)
		if err == nil {
			err = a.guard.check(r)
		}
		if err == nil {
			entry.Caller = "admin_key"
			c, err = readConditions(r.Header)
		}
		if err == nil {
			out, err = h(w, r, c)
		}
		if err != nil {
			code, _ := errorAnswer(err)
			out = outcome{code: code}
			if entry.Caller != "" { // what an unknown caller names is not worth the log's space
				out.name = pathName(r)
			}
			a.record(r, entry, audit.Refused, out)
			a.refuse(w, err)
			return
		}
		if out.name == "" {
			out.name = pathName(r)
		}
		a.record(r, entry, audit.Accepted, out)
		if out.body == nil {
			w.WriteHeader(out.code)
			return
		}
		writeObject(w, out.code, view{out.body, out.revision})
	})
}

// record appends an entry, which holds no values of the object and nothing of the credential.
func (a *api) record(r *http.Request, e audit.Entry, result string, out outcome) {
	e.ID, e.Name, e.Revision, e.Outcome, e.Status = out.id, out.name, out.revision, result, out.code
	e.Duration = a.now().Sub(e.Time)
	a.audit.Append(r.Context(), e)
}

// pathName is the object the path names.
func pathName(r *http.Request) string {
	var parts []string
	for _, name := range []string{"service", "host", "binding"} {
		if v := r.PathValue(name); v != "" {
			parts = append(parts, v)
		}
	}
	return strings.Join(parts, "/")
}

// writeObject answers with v and its ETag, if it has one.
func writeObject(w http.ResponseWriter, code int, v view) {
	if tag := etag(v.revision); tag != "" {
		w.Header().Set("ETag", tag)
	}
	writeJSON(w, code, v.body)
}

// refuse answers an error, and logs those whose cause the client is not told.
func (a *api) refuse(w http.ResponseWriter, err error) {
	code, message := errorAnswer(err)
	if code >= http.StatusInternalServerError {
		level := zap.WarnLevel
		if !fault.Is(err, fault.Unavailable) {
			level = zap.ErrorLevel
		}
		a.log.Log(level, "management request failed", zap.Int("status", code), zap.Error(err))
	}
	writeError(w, code, message)
}

// unreadable tells of a record that lists leave out (specs D5).
func (a *api) unreadable(kind, id string, err error) {
	a.log.Error("stored record cannot be read", zap.String("kind", kind), zap.String("id", id), zap.Error(err))
}
