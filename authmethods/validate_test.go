package authmethods_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/authgate/authgate/authmethods"
	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/internal/secret"
)

const emptyType = "service-type object contains empty fields. empty value for field: "

func TestServiceTypeValidation(t *testing.T) {
	t.Parallel()
	type st = authmethods.ServiceType
	tests := []struct {
		name   string
		change func(*st)
		want   string // the whole text, or its beginning if it ends in "..."
	}{
		{"order_name_first", func(v *st) { *v = st{} }, emptyType + "name"},
		{"order_hosts", func(v *st) { *v = st{Name: "n"} }, emptyType + "hosts"},
		{"order_auth_types", func(v *st) { *v = st{Name: "n", Hosts: []string{}} }, emptyType + "auth_types"},
		{"order_auth_method", func(v *st) { *v = st{Name: "n", Hosts: []string{}, AuthTypes: []string{}} }, emptyType + "auth_method"},
		{"order_type", func(v *st) { v.Hosts, v.Type = []string{}, "" }, emptyType + "type"},
		{"hosts_of_no_length", func(v *st) { v.Hosts, v.AuthMethod = []string{}, "bad" }, emptyType + "hosts"},
		{"auth_method_before_auth_types", func(v *st) { v.AuthMethod, v.AuthTypes = "basic", []string{} },
			"auth_method: basic is not yet supported.Supported:[api-key headers]"},
		{"auth_types_empty", func(v *st) { v.AuthTypes, v.Type = []string{}, "bad" }, "auth_types: empty is not yet supported.Supported:[x509 oidc]"},
		{"first_bad_auth_type", func(v *st) { v.AuthTypes = []string{"oidc", "a", "b"} }, "auth_types: a is not yet supported.Supported:[x509 oidc]"},
		{"type_before_our_own", func(v *st) { v.Type, v.Name = "soap", "a/b" }, "type: soap is not yet supported.Supported:[ams web-api custom]"},
		{"A5_slash_in_name", func(v *st) { v.Name = "a/b" }, "Field: name contains invalid data. ..."},
		{"A5_dots", func(v *st) { v.Name = ".." }, "Field: name contains invalid data. ..."},
		{"A5_dot", func(v *st) { v.Name = "." }, "Field: name contains invalid data. ..."},
		{"A5_NUL", func(v *st) { v.Name = "a\x00" }, "Field: name contains invalid data. ..."},
		{"A5_c1_control", func(v *st) { v.Name = "a\u0085" }, "Field: name contains invalid data. ..."},
		{"A5_254_characters", func(v *st) { v.Name = strings.Repeat("ä", 254) }, "Field: name contains invalid data. ..."},
		{"not_utf8", func(v *st) { v.Name = "a\xff" }, "Field: name contains invalid data. ..."},
		{"slash_in_host", func(v *st) { v.Hosts = []string{"ok", "a/b"} }, "Field: hosts contains invalid data. ..."},
		{"newline_in_host", func(v *st) { v.Hosts = []string{"a\nb"} }, "Field: hosts contains invalid data. ..."},
		{"long_host", func(v *st) { v.Hosts = []string{strings.Repeat("h", 254)} }, "Field: hosts contains invalid data. ..."},
		{"too_many_hosts", func(v *st) { v.Hosts = slices.Repeat([]string{"h"}, 61) }, "Field: hosts contains invalid data. ..."},
		{"too_many_auth_types", func(v *st) { v.AuthTypes = slices.Repeat([]string{"x509"}, 17) }, "Field: auth_types contains invalid data. ..."},
		{"longest_name", func(v *st) { v.Name = strings.Repeat("ä", 253) }, ""},
		{"opaque_hosts", func(v *st) { v.Hosts = []string{"", "a b", "h", "h", "[::1]", "h:9", "%2f"} }, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rig := newRig(t, authmethods.Declared{})
			v := serviceType("n", authmethods.KindAPIKey, "h")
			tt.change(&v)
			item, err := rig.svc.CreateServiceType(rig.ctx, v)
			checkText(t, err, tt.want)
			if err == nil && (item.Value.Name != v.Name || !slices.Equal(item.Value.Hosts, v.Hosts)) {
				t.Errorf("stored %+v", item.Value)
			}
		})
	}
}

// checkText wants an Invalid error of the text, or none for "".
func checkText(t *testing.T, err error, want string) {
	t.Helper()
	if want == "" {
		if err != nil {
			t.Errorf("got error %v, want none", err)
		}
		return
	}
	wantKind(t, err, fault.Invalid)
	if prefix, part := strings.CutSuffix(want, "..."); part {
		if text := err.(*fault.Error).Err.Error(); !strings.HasPrefix(text, prefix) {
			t.Errorf("text %q, want it to begin %q", text, prefix)
		}
		return
	}
	wantText(t, err, want)
}

func TestMethodValidation(t *testing.T) {
	t.Parallel()
	const (
		empty    = "auth method object contains empty fields. empty value for field: "
		port     = "Field: port contains invalid data. ..."
		headers  = "Field: headers contains invalid data. ..."
		access   = "Field: access_key contains invalid data. ..."
		path     = "Field: path contains invalid data. ..."
		secretIn = "Field: path contains invalid data. The query parameter "
		literal  = " holds a secret, which would be shown: write {{access_key}} in its place"
	)
	type method = authmethods.Method
	one := func(name, value string) func(*method) {
		return func(m *method) { m.Headers = secrets(map[string]string{name: value}) }
	}
	tests := []struct {
		name   string
		kind   string
		change func(*method)
		want   string
	}{
		{"order_port_first", "api-key", func(m *method) { *m = method{} }, empty + "port"},
		{"order_host", "api-key", func(m *method) { m.Host, m.AccessKey = "", secret.String{} }, empty + "host"},
		{"access_key_empty", "api-key", func(m *method) { m.AccessKey = secret.String{} }, empty + "access_key"},
		{"headers_nil", "headers", func(m *method) { m.Headers = nil }, empty + "headers"},
		{"headers_empty", "headers", func(m *method) { m.Headers = secrets(nil) }, empty + "headers"},
		{"access_key_before_port_range", "api-key", func(m *method) { m.Port, m.AccessKey = 70000, secret.String{} }, empty + "access_key"},
		{"port_negative", "api-key", func(m *method) { m.Port = -1 }, port},
		{"port_65536", "api-key", func(m *method) { m.Port = 65536 }, port},
		{"port_65535", "api-key", func(m *method) { m.Port = 65535 }, ""},
		{"port_1", "headers", func(m *method) { m.Port = 1 }, ""},
		{"H11_newline_in_key", "api-key", func(m *method) { m.AccessKey = secret.New("a\r\nX-Evil: 1") }, access},
		{"H11_NUL_in_key", "api-key", func(m *method) { m.AccessKey = secret.New("a\x00") }, access},
		{"H11_obs_text_in_key", "api-key", func(m *method) { m.AccessKey = secret.New("aä") }, access},
		{"space_around_key", "api-key", func(m *method) { m.AccessKey = secret.New("a ") }, access},
		{"H13_key_of_16KiB_and_1", "api-key", func(m *method) { m.AccessKey = secret.New(strings.Repeat("k", 16<<10+1)) }, access},
		{"key_of_16KiB", "api-key", func(m *method) { m.AccessKey = secret.New(strings.Repeat("k", 16<<10)) }, ""},
		{"H11_newline_in_value", "headers", one("X-T", "a\nb"), headers},
		{"H11_tab_in_value", "headers", one("X-T", "a\tb"), headers},
		{"H11_DEL_in_value", "headers", one("X-T", "a\x7f"), headers},
		{"H11_obs_text_in_value", "headers", one("X-T", "\xe4"), headers},
		{"value_empty", "headers", one("X-T", ""), headers},
		{"name_empty", "headers", one("", "v"), headers},
		{"name_with_space", "headers", one("X T", "v"), headers},
		{"name_with_colon", "headers", one("X:", "v"), headers},
		{"name_with_newline", "headers", one("X\r\nY", "v"), headers},
		{"name_non_ascii", "headers", one("Xä", "v"), headers},
		{"name_too_long", "headers", one(strings.Repeat("x", 257), "v"), headers},
		{"Host", "headers", one("Host", "v"), headers},
		{"Content-Length", "headers", one("content-length", "v"), headers},
		{"H4_twin_of_framing", "headers", one("Content_Length", "v"), headers},
		{"H4_dot_twin_of_framing", "headers", one("transfer.Encoding", "v"), headers},
		{"Transfer-Encoding", "headers", one("Transfer-Encoding", "v"), headers},
		{"Connection", "headers", one("Connection", "v"), headers},
		{"Upgrade", "headers", one("Upgrade", "v"), headers},
		{"TE", "headers", one("TE", "v"), headers},
		{"Trailer", "headers", one("Trailer", "v"), headers},
		{"Keep-Alive", "headers", one("Keep-Alive", "v"), headers},
		{"Proxy-Authorization", "headers", one("Proxy-Authorization", "v"), headers},
		{"Proxy-Anything", "headers", one("proxy_anything", "v"), headers},
		{"HTTP2-Settings", "headers", one("HTTP2-Settings", "v"), headers},
		{"Expect", "headers", one("Expect", "v"), headers},
		{"H4_two_names_fold_to_one", "headers", func(m *method) { m.Headers = secrets(map[string]string{"X-T": "a", "x_t": "b"}) }, headers},
		{"H13_65_headers", "headers", func(m *method) { m.Headers = many(65, "v") }, headers},
		{"64_headers", "headers", func(m *method) { m.Headers = many(64, "v") }, ""},
		{"H13_large_together", "headers", func(m *method) { m.Headers = many(5, strings.Repeat("v", 16<<10)) }, headers},
		{"Authorization", "headers", one("Authorization", "Bearer x"), ""},
		{"P14_index_in_placeholder", "api-key", func(m *method) { m.Path = "/{{identifier[01]}}" }, path},
		{"P14_unknown_placeholder", "api-key", func(m *method) { m.Path = "/?k={{env.X}}" }, path},
		{"P14_spaced_placeholder", "api-key", func(m *method) { m.Path = "/?k={{ access_key }}" }, path},
		{"unclosed_placeholder", "api-key", func(m *method) { m.Path = "/?k={{access_key" }, path},
		{"two_places", "api-key", func(m *method) { m.Path = "/?k={{access_key}}&l={{access_key}}" }, path},
		{"place_without_name", "api-key", func(m *method) { m.Path = "/?={{access_key}}" }, path},
		{"place_with_broken_name", "api-key", func(m *method) { m.Path = "/?%zz={{access_key}}" }, path},
		{"newline_in_path", "api-key", func(m *method) { m.Path = "/\n" }, path},
		{"path_too_long", "api-key", func(m *method) { m.Path = "/" + strings.Repeat("p", 2048) }, path},
		{"secret_in_path", "api-key", func(m *method) { m.Path = "/?key=" + key }, secretIn + "key" + literal},
		{"secret_in_path_of_headers", "headers", func(m *method) { m.Path = "/{{identifier}}?a=1&token=" + key }, secretIn + "token" + literal},
		{"secret_apikey", "api-key", func(m *method) { m.Path = "/?apikey=" + key }, secretIn + "apikey" + literal},
		{"secret_api_key", "api-key", func(m *method) { m.Path = "/?api_key=" + key }, secretIn + "api_key" + literal},
		{"secret_API-Key", "api-key", func(m *method) { m.Path = "/?API-Key=" + key }, secretIn + "API-Key" + literal},
		{"secret_access_token", "api-key", func(m *method) { m.Path = "/?access_token=" + key }, secretIn + "access_token" + literal},
		{"secret_password", "api-key", func(m *method) { m.Path = "/?password=" + key }, secretIn + "password" + literal},
		{"secret_secret", "api-key", func(m *method) { m.Path = "/?secret=" + key }, secretIn + "secret" + literal},
		{"secret_escaped_name", "api-key", func(m *method) { m.Path = "/?%6Bey=" + key }, secretIn + "%6Bey" + literal},
		{"secret_behind_semicolon", "api-key", func(m *method) { m.Path = "/?a=1;key=" + key }, secretIn + "key" + literal},
		{"secret_beside_the_key", "api-key", func(m *method) { m.Path = "/?k={{access_key}}&key=" + key }, secretIn + "key" + literal},
		{"secret_with_identifier", "api-key", func(m *method) { m.Path = "/?key=" + key + "{{identifier}}" }, secretIn + "key" + literal},
		{"no_secret_in_path", "api-key", func(m *method) {
			m.Path = "/key=1?key={{access_key}}&token={{identifier}}&secret=&api_key=v-{{access_key}}&keys=2&password"
		}, ""},
		{"upstreams_path", "api-key", func(m *method) { m.Path = "/some/other/{{identifier}}?key={{access_key}}" }, ""},
		{"retrieval_field_control", "api-key", func(m *method) { m.RetrievalField = "a\n" }, "Field: retrieval_field contains invalid data. ..."},
		{"retrieval_field_too_long", "api-key", func(m *method) { m.RetrievalField = strings.Repeat("f", 257) }, "Field: retrieval_field contains invalid data. ..."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rig := newRig(t, authmethods.Declared{})
			rig.serviceType("s", tt.kind, "h")
			m := method{Host: "h", Port: 443, AccessKey: secret.New(key), Headers: secrets(map[string]string{"X-T": key})}
			tt.change(&m)
			item, err := rig.svc.CreateMethod(rig.ctx, "s", m)
			checkText(t, err, tt.want)
			if err != nil && strings.Contains(err.Error(), key) {
				t.Errorf("the error holds the secret: %v", err)
			}
			if err == nil && (item.Value.Type != tt.kind || item.Value.AccessKey.Empty() == (tt.kind == "api-key")) {
				t.Errorf("stored %+v", item.Value)
			}
		})
	}
	t.Run("unknown_host_beats_missing_credential", func(t *testing.T) {
		t.Parallel()
		rig := newRig(t, authmethods.Declared{})
		rig.serviceType("s", "api-key", "h")
		_, err := rig.svc.CreateMethod(rig.ctx, "s", method{Host: "H", Port: -1})
		wantKind(t, err, fault.NotFound)
		wantText(t, err, "Host was not found")
	})
}

func many(n int, value string) map[string]secret.String {
	m := make(map[string]secret.String, n)
	for i := range n {
		m["X-"+strconv.Itoa(i)] = secret.New(value)
	}
	return m
}
