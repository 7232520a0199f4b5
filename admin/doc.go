// Package admin is the management side of authgate as one http.Handler: it mounts the APIs, each with
// its own error dialect, authenticates their callers, judges conditional requests and feeds the audit log.
//
// It imports net/http, zap, store, internal/*, its own audit and the packages whose objects it manages;
// never Caddy.
package admin
