package admin

import (
	"net/http"
	"strings"
	"time"

	"go.uber.org/zap"
)

// maxAuditID bounds what a path names in a line about a refused write: the path is client input.
const maxAuditID = 300

// audit writes one line for each accepted and refused write, before the answer goes out (specs A12).
// A line holds no values of the object and nothing of the credential.
type audit struct {
	log *zap.Logger
	now func() time.Time
}

// outcome is what a write did: the object's uuid, the store's revision and the answer.
type outcome struct {
	id       string
	revision int64
	code     int
	body     any // nil for none
}

type writeLine struct {
	verb, kind string
	start      time.Time
	caller     string // how the caller was authenticated; empty if it was not
}

func (a audit) write(r *http.Request, l writeLine, out outcome, code int) {
	id, result := out.id, "accepted"
	if code >= http.StatusBadRequest {
		id, result = "", "refused"
		if l.caller != "" { // what an unknown caller names is not worth the log's space
			id = pathID(r)
		}
	}
	a.log.Info("management write", zap.String("verb", l.verb), zap.String("kind", l.kind), zap.String("id", id),
		zap.Int64("revision", out.revision), zap.String("outcome", result), zap.Int("status", code),
		zap.String("caller", l.caller), zap.Duration("duration", a.now().Sub(l.start)))
}

// pathID is the object the path names.
func pathID(r *http.Request) string {
	id := r.PathValue("service")
	if host := r.PathValue("host"); host != "" {
		id += "/" + host
	}
	return strings.ToValidUTF8(id[:min(len(id), maxAuditID)], "")
}
