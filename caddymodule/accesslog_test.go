package caddymodule

import (
	"io"
	"slices"
	"testing"

	"go.uber.org/zap/zapcore"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	_ "github.com/caddyserver/caddy/v2/modules/logging"
)

func TestLogsQueries(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, encoder, config string
		want                  bool
	}{
		{"json", "json", `{}`, true},
		{"console", "console", `{}`, true},
		{"filter_of_something_else", "filter", `{"fields": {"request>headers": {"filter": "delete"}}}`, true},
		{"filter_of_another_parameter", "filter", `{"fields": {"request>uri": {"filter": "query", "actions": [{"type": "delete", "parameter": "token"}]}}}`, true},
		{"filter_of_the_wrong_name", "filter", `{"fields": {"uri": {"filter": "delete"}}}`, true},
		{"append_around_json", "append", `{"fields": {"a": "b"}}`, true},
		{"parameter_replaced", "filter", `{"fields": {"request>uri": {"filter": "query", "actions": [{"type": "replace", "parameter": "key", "value": "REDACTED"}]}}}`, false},
		{"parameter_deleted_in_console", "filter", `{"wrap": {"format": "console"}, "fields": {"request>uri": {"filter": "query", "actions": [{"type": "delete", "parameter": "key"}]}}}`, false},
		{"uri_deleted", "filter", `{"fields": {"request>uri": {"filter": "delete"}}}`, false},
		{"request_deleted", "filter", `{"fields": {"request": {"filter": "delete"}}}`, false},
		{"by_expression", "filter", `{"fields": {"request>uri": {"filter": "regexp", "regexp": "key=[^&]*", "value": "key=REDACTED"}}}`, false},
		{"filter_around_another", "filter", `{"wrap": {"format": "filter", "fields": {"request>headers": {"filter": "delete"}}}, "fields": {"request>uri": {"filter": "query", "actions": [{"type": "replace", "parameter": "key", "value": "x"}]}}}`, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
			defer cancel()
			module, err := ctx.LoadModuleByID("caddy.logging.encoders."+tc.encoder, []byte(tc.config))
			if err != nil {
				t.Fatal(err)
			}
			plain := zapcore.NewCore(module.(zapcore.Encoder), zapcore.AddSync(io.Discard), zapcore.InfoLevel)
			if got := logsQueries(zapcore.NewTee(zapcore.NewNopCore(), plain)); got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
	if logsQueries(zapcore.NewNopCore()) {
		t.Error("a log that goes nowhere counts")
	}
}

func TestAccessLoggers(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		config caddyhttp.ServerLogConfig
		want   []string
	}{
		{"default", caddyhttp.ServerLogConfig{}, []string{"http.log.access"}},
		{"named_default", caddyhttp.ServerLogConfig{DefaultLoggerName: "d"}, []string{"http.log.access.d"}},
		{"by_host", caddyhttp.ServerLogConfig{LoggerNames: map[string]caddyhttp.StringArray{"a": {"log0", ""}}, SkipUnmappedHosts: true}, []string{"http.log.access.log0", "http.log.access"}},
		{"no_host", caddyhttp.ServerLogConfig{SkipUnmappedHosts: true}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := accessLoggers(&tc.config); !slices.Equal(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}
