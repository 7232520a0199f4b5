package caddymodule

import (
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Caddy takes the request for its access log before any handler runs, so no module can keep `?key=` out of
// it; only the encoder of the log can. What a module can do is look whether it does.

// queryInLog says what is wrong, and the way out.
const queryInLog = "an access log writes the key of `?key=` in clear; put this into the global options, and its format into the log blocks of sites:\n" + logFilter

const logFilter = `log {
	format filter {
		wrap json
		fields {
			request>uri query {
				replace key REDACTED
				replace access_token REDACTED
			}
		}
	}
}`

// checkAccessLog warns once if requests of the server that ctx belongs to may be logged with their query.
// The server may have other sites with logs of their own: any of them counts.
func (a *App) checkAccessLog(ctx caddy.Context) {
	srv, ok := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	if a.queryLogged || !ok || srv.Logs == nil {
		return
	}
	for _, name := range accessLoggers(srv.Logs) {
		if logsQueries(ctx.Logger(loggerName(name)).Core()) {
			a.queryLogged = true
			a.log.Warn(queryInLog)
			return
		}
	}
}

// accessLoggers returns the names under which a server writes its access log.
func accessLoggers(c *caddyhttp.ServerLogConfig) []string {
	var names []string
	add := func(name string) {
		full := strings.TrimSuffix("http.log.access."+name, ".")
		if !slices.Contains(names, full) {
			names = append(names, full)
		}
	}
	for _, list := range c.LoggerNames {
		for _, name := range list {
			add(name)
		}
	}
	if !c.SkipUnmappedHosts {
		add(c.DefaultLoggerName)
	}
	return names
}

// loggerName is a logger as caddy.Context.Logger finds it: by the ID of a module.
type loggerName string

// CaddyModule implements caddy.Module.
func (n loggerName) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: caddy.ModuleID(n), New: func() caddy.Module { return n }}
}

// logsQueries reports whether any encoder below core writes the value of a query parameter `key`. It
// writes nothing: adding fields to a core makes its encoder encode them, and hands the field to queryProbe.
func logsQueries(core zapcore.Core) bool {
	found := false
	core.With([]zap.Field{zap.Object("request", queryProbe{&found})})
	return found
}

// queryProbe is a request as an encoder of the access log sees it.
type queryProbe struct{ found *bool }

const probeKey = "k8QuerYpr0be"

// MarshalLogObject implements zapcore.ObjectMarshaler.
func (p queryProbe) MarshalLogObject(enc zapcore.ObjectEncoder) error {
	full, ok := enc.(zapcore.Encoder)
	if !ok {
		*p.found = true // cannot be told
		return nil
	}
	full = full.Clone()
	full.AddString("uri", "/v1/authm?a=b&"+managementKeyParam+"="+probeKey)
	line, err := full.EncodeEntry(zapcore.Entry{}, nil)
	if err != nil || strings.Contains(line.String(), probeKey) {
		*p.found = true
	}
	return nil
}
