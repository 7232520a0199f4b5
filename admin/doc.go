// Package admin is the management side of authgate as one http.Handler: it mounts the APIs, each with
// its own error dialect, authenticates their callers and writes the audit log.
//
// It imports net/http, zap, internal/* and the packages whose objects it manages; never Caddy.
package admin
