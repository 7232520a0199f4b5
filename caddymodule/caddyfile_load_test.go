package caddymodule_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

// loadCase is a configuration that adapts and must not load, with what the message must hold: the field
// and the way out. The store is one nobody answers for: loading never waits for it.
type loadCase struct {
	name    string
	global  string   // lines of the global authgate block
	site    string   // lines of a site block; empty for none
	json    string   // the authgate app itself, instead of global
	handler string   // the JSON of a handler, instead of a bare authgate in site
	want    []string // all of them
	never   string   // must not be in the message
}

// issuerOK is an issuer block that loads.
const issuerOK = "issuer a {\n\turl https://a.example\n\taudience b\n}\n"

func issuer(lines string) string { return "issuer a {\n" + lines + "\n}\n" }

const typeOK = "service_type reports {\n\ttype custom\n\tauth_method api-key\n\tauth_types oidc\n\thosts reports.internal\n}\n"

// loadRefusals is specs C.2, lesson 2: what would fail open, or not do what its author thinks, does not load.
var loadRefusals = []loadCase{
	{name: "no_issuer", site: "authgate", want: []string{"no issuer is configured", "add `issuer <name> { ... }`", "`anonymous`"}},
	{name: "route_unknown_issuer", global: issuerOK, site: "authgate {\n\tissuers github\n}", want: []string{"issuers", `no issuer is named "github"`, "define it"}},
	{name: "accept_basic", global: issuerOK, site: "authgate {\n\taccept basic\n}", want: []string{"accept basic", "accepts bearer and mtls only"}},
	{name: "accept_twice", global: issuerOK, site: "authgate {\n\taccept mtls bearer mtls\n}", want: []string{"accept mtls", "stands twice"}},
	{name: "accept_bearer_without_issuer", site: "authgate {\n\taccept bearer mtls\n}", want: []string{"no issuer is configured"}},
	{name: "pass_token_without_bearer", global: issuerOK, site: "authgate {\n\taccept mtls\n\tpass_token\n}", want: []string{"pass_token on a route that does not accept bearer", "remove pass_token"}},
	{name: "issuers_without_bearer", global: issuerOK, site: "authgate {\n\taccept mtls\n\tissuers a\n}", want: []string{"issuers on a route that does not accept bearer", "add bearer to accept"}},
	{name: "anonymous_with_accept", global: issuerOK, site: "authgate {\n\tanonymous\n\taccept mtls\n}", want: []string{"anonymous excludes"}},
	{name: "M1_ca_missing", global: "x509 {\n\tca /nonexistent/ca.pem\n}", want: []string{"x509", "ca", "/nonexistent/ca.pem"}},
	{name: "M1_ca_empty", global: "x509 {\n\tca {dir}/empty\n}", want: []string{"x509", "ca", "no PEM certificate"}},
	{name: "M1_ca_no_certificate", global: "x509 {\n\tca {dir}/ca.pem\n}", want: []string{"x509", "ca", "no PEM certificate"}},
	{name: "M1_ca_env_unset", global: "x509 {\n\tca {env.AUTHGATE_TEST_UNSET}\n}", want: []string{"x509", "ca", "AUTHGATE_TEST_UNSET", "is the variable set"}},
	{name: "accept_unknown", global: issuerOK, site: "authgate {\n\taccept cookie\n}", want: []string{`accept "cookie"`, "takes bearer and mtls"}},
	{name: "anonymous_with_require", global: issuerOK, site: "authgate {\n\tanonymous\n\trequire role Admin\n}", want: []string{"anonymous excludes accept, issuers and require"}},
	{name: "anonymous_with_issuers", global: issuerOK, site: "authgate {\n\tanonymous\n\tissuers a\n}", want: []string{"anonymous excludes"}},
	{name: "identity_prefix_covers_x_forwarded", global: issuerOK, site: "authgate {\n\tidentity_headers X-\n}", want: []string{"identity_headers", `"X-" would cover`, "longer prefix such as X-Auth-"}},
	{name: "identity_prefix_covers_a_header", global: issuerOK, site: "authgate {\n\tidentity_headers Content\n}", want: []string{"identity_headers", "would cover Content-"}},
	{name: "identity_prefix_no_header_name", global: issuerOK, site: "authgate {\n\tidentity_headers \"X Auth \"\n}", want: []string{"identity_headers", "no prefix of a header name"}},
	{name: "admin_unknown_api", site: "authgate_admin oauth", want: []string{"authgate_admin", `"oauth"`, "authmethods"}},

	{name: "admin_key_short", global: "admin_key k7f2", want: []string{"admin_key", "under 8 characters", "openssl rand -hex 24"}, never: "k7f2"},
	{name: "admin_key_sample", global: "admin_key ChangeMe", want: []string{"admin_key", "sample value", "openssl rand -hex 24"}, never: "ChangeMe"},
	{name: "admin_key_env_unset", global: "admin_key {env.AUTHGATE_TEST_UNSET}", want: []string{"admin_key", "AUTHGATE_TEST_UNSET", "is the variable set"}},
	{name: "admin_key_file_missing", global: "admin_key {file./nonexistent/key}", want: []string{"admin_key", "/nonexistent/key", "the file readable"}},
	{name: "gc_headroom", global: "gc_headroom lots", want: []string{"gc_headroom", `"lots"`, "off nor a size such as 64MiB"}},
	{name: "gc_headroom_small", global: "gc_headroom 10", want: []string{"gc_headroom", `"10"`}},

	{name: "issuer_http", global: issuer("url http://a.example\naudience b"), want: []string{"issuer a", "url", "plain http", "use https"}},
	{name: "issuer_private_address", global: issuer("url https://10.0.0.5\naudience b"), want: []string{"issuer a", "url", "allow_private_addresses"}},
	{name: "issuer_localhost", global: issuer("url https://localhost:5556\naudience b"), want: []string{"issuer a", "url", "allow_private_addresses"}},
	{name: "issuer_metadata_address", global: issuer("url https://169.254.169.254\naudience b\nallow_private_addresses"), want: []string{"issuer a", "url", "metadata addresses are never called"}},
	{name: "issuer_userinfo", global: issuer("url https://me:secret@a.example\naudience b"), want: []string{"issuer a", "url", "user name or password"}, never: "secret"},
	{name: "issuer_no_url", global: issuer("url a.example\naudience b"), want: []string{"issuer a", "url", "write https://host/path"}},
	{name: "issuer_url_env_unset", global: issuer("url {env.AUTHGATE_TEST_UNSET}\naudience b"), want: []string{"issuer a", "url", "AUTHGATE_TEST_UNSET"}},
	{name: "issuer_audience_env_unset", global: issuer("url https://a.example\naudience {env.AUTHGATE_TEST_UNSET}"), want: []string{"issuer a", "audience", "AUTHGATE_TEST_UNSET"}},
	{name: "issuer_audience_missing", json: `{"issuers": [{"name": "a", "url": "https://a.example"}]}`, want: []string{"issuer a", "audience", "name the audience of your tokens"}},
	{name: "issuer_audience_empty", json: `{"issuers": [{"name": "a", "url": "https://a.example", "audiences": [""]}]}`, want: []string{"issuer a", "audience", "empty value"}},
	{name: "issuer_any_audience_and_audience", global: issuer("url https://a.example\naudience b\ninsecure_any_audience"), want: []string{"issuer a", "insecure_any_audience", "contradicts audience"}},
	{name: "issuer_name_missing", json: `{"issuers": [{"url": "https://a.example", "audiences": ["b"]}]}`, want: []string{"issuer", "name", "write `issuer <name> { ... }`"}},
	{name: "issuer_name_twice", json: `{"issuers": [{"name": "a", "url": "https://a.example", "audiences": ["b"]}, {"name": "a", "url": "https://c.example", "audiences": ["b"]}]}`, want: []string{"issuer a", "name", "used twice"}},
	{name: "issuer_url_twice", global: issuerOK + strings.Replace(issuerOK, "issuer a", "issuer c", 1), want: []string{"issuer c", "url", "is that of issuer a", "remove one"}},
	{name: "issuer_url_twice_but_for_a_slash", global: issuerOK + "issuer c {\n\turl https://A.example/\n\taudience b\n}", want: []string{"issuer c", "url", "only by case or a slash at the end"}},
	{name: "issuer_algorithm_symmetric", global: issuer("url https://a.example\naudience b\nalgorithms RS256 HS256"), want: []string{"issuer a", "algorithms", `"HS256" is not supported; use some of RS256`}},
	{name: "issuer_algorithm_none", global: issuer("url https://a.example\naudience b\nalgorithms none"), want: []string{"issuer a", "algorithms", `"none"`}},
	{name: "issuer_two_key_sources", global: issuer("url https://a.example\naudience b\njwks_url https://a.example/k\njwks_file /k"), want: []string{"issuer a", "jwks_file", "contradicts jwks_url"}},
	{name: "issuer_jwks_file_missing", global: issuer("url https://a.example\naudience b\njwks_file /nonexistent/jwks.json"), want: []string{"issuer a", "jwks_file", "/nonexistent/jwks.json"}},
	{name: "issuer_ca_missing", global: issuer("url https://a.example\naudience b\nca /nonexistent/ca.pem"), want: []string{"issuer a", "ca", "/nonexistent/ca.pem"}},
	{name: "issuer_ca_empty", global: issuer("url https://a.example\naudience b\nca {dir}/empty"), want: []string{"issuer a", "ca", "no PEM certificate in the file"}},
	{name: "issuer_key_cooldown", global: issuer("url https://a.example\naudience b\nkey_cooldown 10ms"), want: []string{"issuer a", "key_cooldown", "between 1s and 1h"}},
	{name: "issuer_max_key_age", global: issuer("url https://a.example\naudience b\nmax_key_age 8760h"), want: []string{"issuer a", "max_key_age", "720h"}},
	{name: "issuer_token_use", global: issuer("url https://a.example\naudience b\ntoken_use refresh"), want: []string{"issuer a", "token_use", "use access or id"}},
	{name: "provider_unknown_issuer", global: issuerOK, site: "authgate", handler: `{"handler": "authentication", "providers": {"authgate": {"issuers": ["github"]}}}`, want: []string{"issuers", `no issuer is named "github"`}},
	{name: "provider_without_issuer", site: "authgate", handler: `{"handler": "authentication", "providers": {"authgate": {}}}`, want: []string{"no issuer is configured"}},
	{name: "require_empty", json: `{"issuers": [{"name": "a", "url": "https://a.example", "audiences": ["b"]}]}`, site: "authgate {\n\trequire role X\n}", want: []string{"require", "exactly one of roles, scopes, or a claim"}},

	{name: "store_unknown_driver", json: `{"store": {"driver": "redis"}}`, want: []string{"store", "authgate.stores.redis"}},
	{name: "store_etcd_no_endpoint", json: `{"store": {"driver": "etcd"}}`, want: []string{"store etcd", "name at least one"}},
	{name: "store_etcd_endpoint_without_scheme", global: "store etcd 10.0.0.1:2379", want: []string{"endpoints", "http or https URLs"}},
	{name: "store_etcd_mixed_endpoints", global: "store etcd https://10.0.0.1:2379 http://10.0.0.2:2379", want: []string{"endpoints", "all https or all http"}},
	{name: "store_etcd_prefix", global: "store etcd https://10.0.0.1:2379 {\n\tprefix gates\n}", want: []string{"prefix", `ends in "/"`}},
	{name: "store_etcd_ca_missing", global: "store etcd https://10.0.0.1:2379 {\n\ttls /nonexistent/ca.pem\n}", want: []string{"tls", "/nonexistent/ca.pem"}},
	{name: "store_etcd_ca_empty", global: "store etcd https://10.0.0.1:2379 {\n\ttls {dir}/empty\n}", want: []string{"tls", "holds no certificate"}},
	{name: "store_etcd_tls_for_http", global: "store etcd http://10.0.0.1:2379 {\n\ttls {dir}/ca.pem\n}", want: []string{"tls", "not https"}},
	{name: "store_etcd_password_unset", global: "store etcd https://10.0.0.1:2379 {\n\tuser root {env.AUTHGATE_TEST_UNSET}\n}", want: []string{"store etcd", "password", "AUTHGATE_TEST_UNSET"}},
	{name: "store_etcd_cert_without_key", json: `{"store": {"driver": "etcd", "endpoints": ["https://10.0.0.1:2379"], "cert_file": "/c"}}`, want: []string{"store etcd", "tls", "certificate and key go together"}},
	{name: "store_etcd_user_without_password", json: `{"store": {"driver": "etcd", "endpoints": ["https://10.0.0.1:2379"], "user": "root"}}`, want: []string{"store etcd", "user takes <name> <password>"}},
	{name: "store_embedded_env_unset", global: "store embedded {env.AUTHGATE_TEST_UNSET}/etcd", want: []string{"store embedded", "AUTHGATE_TEST_UNSET"}},
	{name: "store_embedded_not_a_directory", global: "store embedded {dir}/empty", want: []string{"store", "not a directory"}},
	{name: "A2_store_etcd_without_key", global: "store etcd http://127.0.0.1:1", want: []string{"store etcd", "no encryption key", "openssl rand -base64 32", "`encryption_key_file <file>`", "`insecure_plaintext_secrets`"}},
	{name: "A2_encryption_key_sample", global: "encryption_key AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", want: []string{"encryption_key", "value 1 of 1", "not made of random bytes", "openssl rand -base64 32"}, never: "AAAA"},
	{name: "encryption_key_text", global: "encryption_key k9-secret-passphrase", want: []string{"encryption_key", "base64", "openssl rand -base64 32"}, never: "passphrase"},
	{name: "encryption_key_env_unset", global: "encryption_key {env.AUTHGATE_TEST_UNSET}", want: []string{"encryption_key", "AUTHGATE_TEST_UNSET"}},
	{name: "encryption_key_twice", global: "encryption_key_file {dir}/key {dir}/same-key", want: []string{"the encryption key", "given twice"}},
	{name: "encryption_key_and_file", global: "encryption_key {file.{dir}/key}\nencryption_key_file {dir}/key", want: []string{"encryption_key_file and encryption_key", "one of the two"}},
	{name: "encryption_key_file_missing", global: "encryption_key_file {dir}/nowhere", want: []string{"/nowhere", "no such file", "openssl rand -base64 32"}},
	{name: "encryption_key_file_empty", global: "encryption_key_file {dir}/key {dir}/empty", want: []string{"/empty", "it is empty", "openssl rand -base64 32"}},
	{name: "encryption_key_file_malformed", global: "encryption_key_file {dir}/two-lines", want: []string{"/two-lines", "base64", "openssl rand -base64 32"}, never: "first-line"},
	{name: "encryption_key_file_env_unset", global: "encryption_key_file {env.AUTHGATE_TEST_UNSET}", want: []string{"encryption_key_file", "AUTHGATE_TEST_UNSET"}},
	{name: "cache_negative", json: `{"cache": {"entries": -1}}`, want: []string{"cache", "must not be negative"}},
	{name: "unknown_field", json: `{"admin_keys": "x"}`, want: []string{"admin_keys"}},

	{name: "service_type_unknown_type", global: strings.Replace(typeOK, "custom", "soap", 1), want: []string{"service_type reports", "type", "soap", "[ams web-api custom]"}},
	{name: "service_type_unknown_auth_method", global: strings.Replace(typeOK, "api-key", "oauth2", 1), want: []string{"service_type reports", "auth_method", "oauth2", "[api-key headers]"}},
	{name: "service_type_unknown_auth_type", global: strings.Replace(typeOK, "oidc", "saml", 1), want: []string{"service_type reports", "auth_types", "saml", "[x509 oidc]"}},
	{name: "service_type_without_hosts", global: strings.Replace(typeOK, "\thosts reports.internal\n", "", 1), want: []string{"service_type reports", "hosts"}},
	{name: "service_type_without_type", global: strings.Replace(typeOK, "\ttype custom\n", "", 1), want: []string{"service_type reports", "type"}},
	{name: "service_type_env_unset", global: strings.Replace(typeOK, "reports.internal", "{env.AUTHGATE_TEST_UNSET}", 1), want: []string{"service_type reports", "hosts", "AUTHGATE_TEST_UNSET"}},
	{name: "service_type_twice", global: typeOK + typeOK, want: []string{"service_type reports", "already exists"}},
	{name: "auth_method_unknown_service_type", global: typeOK + "auth_method report reports.internal:443 {\n\taccess_key k\n}", want: []string{"auth_method report reports.internal:443", "service type report is not declared"}},
	{name: "auth_method_unlisted_host", global: typeOK + "auth_method reports other.internal:443 {\n\taccess_key k\n}", want: []string{"auth_method reports other.internal:443", "host is not among the hosts of service_type reports", "add it there"}},
	{name: "auth_method_without_credential", global: typeOK + "auth_method reports reports.internal:443", want: []string{"auth_method reports reports.internal:443", "access_key"}},
	{name: "auth_method_header_for_api_key", global: typeOK + "auth_method reports reports.internal:443 {\n\theader X-A b\n}", want: []string{"auth_method reports reports.internal:443", "header", "api-key"}},
	{name: "auth_method_key_for_headers", global: strings.Replace(typeOK, "api-key", "headers", 1) + "auth_method reports reports.internal:443 {\n\taccess_key k9secret\n}", want: []string{"auth_method reports reports.internal:443", "access_key", "headers"}, never: "k9secret"},
	{name: "auth_method_env_unset", global: typeOK + "auth_method reports reports.internal:443 {\n\taccess_key {env.AUTHGATE_TEST_UNSET}\n}", want: []string{"auth_method reports reports.internal", "access_key", "AUTHGATE_TEST_UNSET"}},
	{name: "auth_method_file_missing", global: typeOK + "auth_method reports reports.internal:443 {\n\taccess_key {file./nonexistent/key}\n}", want: []string{"auth_method reports reports.internal", "access_key", "/nonexistent/key"}},
	{name: "auth_method_file_empty", global: typeOK + "auth_method reports reports.internal:443 {\n\taccess_key {file.{dir}/empty}\n}", want: []string{"auth_method reports reports.internal", "access_key", "empty"}},
	{name: "auth_method_twice", global: typeOK + "auth_method reports reports.internal:443 {\n\taccess_key k\n}\nauth_method reports reports.internal:8443 {\n\taccess_key k\n}", want: []string{"auth_method reports reports.internal:8443", "host", "already exists"}},
	{name: "auth_method_framing_header", global: strings.Replace(typeOK, "api-key", "headers", 1) + "auth_method reports reports.internal:443 {\n\theader Connection X-A\n}", want: []string{"auth_method reports reports.internal:443", "header", "Connection belongs to the connection"}},
	{name: "auth_method_header_twins_H4", global: strings.Replace(typeOK, "api-key", "headers", 1) + "auth_method reports reports.internal:443 {\n\theader X-A b\n\theader X_A c\n}", want: []string{"auth_method reports reports.internal:443", "header", "fold to x-a"}},
	{name: "auth_method_value_with_line_break_H11", global: typeOK + "auth_method reports reports.internal:443 {\n\taccess_key {file.{dir}/two-lines}\n}", want: []string{"auth_method reports reports.internal:443", "access_key", "control"}, never: "second-line"},
	{name: "auth_method_path_template", global: typeOK + "auth_method reports reports.internal:443 {\n\taccess_key k\n\tpath \"/a?{{token}}\"\n}", want: []string{"auth_method reports reports.internal:443", "path", "{{access_key}}"}},
	{name: "service_defaults_unknown_type", global: "service_defaults soap {\n\tplacement query key\n}", want: []string{"service_defaults soap", "type", "[ams web-api custom]"}},
	{name: "service_defaults_placement", global: "service_defaults ams {\n\tplacement header Host\n}", want: []string{"service_defaults ams", "placement", "Host"}},
	{name: "service_defaults_path", global: "service_defaults ams {\n\tpath \"/{{x}}\"\n}", want: []string{"service_defaults ams", "path", "{{identifier}}"}},
}

// TestLoadRefusals is not parallel: Caddy's provisioning swaps the process's logger.
func TestLoadRefusals(t *testing.T) {
	dir := t.TempDir()
	key := readKey(t, newKeyFile(t)).Encode().Reveal()
	for name, text := range map[string]string{"empty": "", "two-lines": "first-line\nsecond-line", "ca.pem": "no certificate", "key": key, "same-key": key + "\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range loadRefusals {
		t.Run(c.name, func(t *testing.T) {
			err := validate(t, c.config(t, dir))
			if err == nil {
				t.Fatalf("loaded; want an error with %q", c.want)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got error\n%v\nwant %q in it", err, want)
				}
			}
			if c.never != "" && strings.Contains(err.Error(), c.never) {
				t.Errorf("the error holds %q: %v", c.never, err)
			}
		})
	}
}

// TestLoadAccepts keeps TestLoadRefusals honest: the pieces its cases are made of load.
func TestLoadAccepts(t *testing.T) {
	t.Setenv("AUTHGATE_TEST_KEY", "k7f2c0ffee")
	for _, c := range []loadCase{
		{name: "issuer", global: issuerOK, site: "authgate {\n\tissuers a\n}"},
		{name: "provider", global: issuerOK, site: "authgate", handler: `{"handler": "authentication", "providers": {"authgate": {"issuers": ["a"]}}}`},
		{name: "anonymous_without_issuer", site: "authgate {\n\tanonymous\n}"},
		{name: "mtls_without_issuer", site: "authgate {\n\taccept mtls\n}"},
		{name: "mtls_and_bearer", global: issuerOK, site: "authgate {\n\taccept mtls bearer\n\tissuers a\n}"},
		{name: "admin", global: "admin_key {env.AUTHGATE_TEST_KEY}", site: "authgate_admin authmethods"},
		{name: "service_type", global: typeOK + "auth_method reports reports.internal:443 {\n\taccess_key {env.AUTHGATE_TEST_KEY}\n}"},
		{name: "loopback_issuer", global: issuer("url http://127.0.0.1:5556\naudience b\nallow_private_addresses")},
		{name: "store_etcd_with_key_file", global: "store etcd http://127.0.0.1:1\nencryption_key_file " + newKeyFile(t) + " " + newKeyFile(t)},
		{name: "store_etcd_with_key", global: "store etcd http://127.0.0.1:1\nencryption_key {file." + newKeyFile(t) + "}"},
		{name: "store_etcd_plaintext", global: "store etcd http://127.0.0.1:1\ninsecure_plaintext_secrets"},
		{name: "cache_and_gc", global: "gc_headroom off\ncache {\n\tentries 10\n\tmax_stale 1s\n}"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := validate(t, c.config(t, t.TempDir())); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// config returns the JSON of the case; {dir} in it is the directory of its files.
func (c loadCase) config(t *testing.T, dir string) []byte {
	t.Helper()
	block := c.global
	if !strings.Contains(block, "store ") {
		block = "store etcd http://127.0.0.1:1\ninsecure_plaintext_secrets\n" + block
	}
	text := fmt.Sprintf("{\n\tadmin off\n\tlog {\n\t\toutput file {dir}/log\n\t}\n\tauthgate {\n%s\n\t}\n}\n", block)
	if c.site != "" {
		text += "http://127.0.0.1:1 {\n" + c.site + "\n}\n"
	}
	config, _, err := adapt(strings.ReplaceAll(text, "{dir}", dir))
	if err != nil {
		t.Fatalf("adapting: %v\n%s", err, text)
	}
	if c.json != "" {
		config = []byte(strings.Replace(string(config), `"authgate":{"store":{"driver":"etcd","endpoints":["http://127.0.0.1:1"]},"insecure_plaintext_secrets":true}`, `"authgate":`+c.json, 1))
		config = []byte(strings.Replace(string(config), `{"roles":["X"]}`, `{}`, 1))
	}
	if c.handler != "" {
		config = []byte(strings.Replace(string(config), `{"handler":"authgate"}`, c.handler, 1))
	}
	return config
}

// validate does what the command of that name does: it provisions everything and starts nothing.
func validate(t *testing.T, config []byte) error {
	t.Helper()
	cfg := new(caddy.Config)
	if err := caddy.StrictUnmarshalJSON(config, cfg); err != nil {
		t.Fatal(err)
	}
	return caddy.Validate(cfg)
}
