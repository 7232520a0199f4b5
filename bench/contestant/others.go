package contestant

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"strings"

	"github.com/authgate/authgate/bench/origin"
	"github.com/authgate/authgate/bench/tokenset"
)

func oauth2Proxy() Spec {
	return Spec{
		Name: "oauth2-proxy", What: "oauth2-proxy, skip-jwt-bearer-tokens, one injected header",
		Binary: "oauth2-proxy", Module: "github.com/oauth2-proxy/oauth2-proxy/v7", Gate: true,
		configure: func(w World, dir string) (setup, error) {
			addrs, err := freeAddrs(1)
			if err != nil {
				return setup{}, err
			}
			alpha, err := write(dir, "alpha.yaml", fmt.Sprintf(`server:
  BindAddress: %s
upstreamConfig:
  upstreams:
    - id: bench
      path: /
      uri: http://%s
injectRequestHeaders:
  - name: X-Api-Key
    values:
      - value: %s
providers:
  - id: bench
    provider: oidc
    clientID: %s
    clientSecret: unused
    oidcConfig:
      issuerURL: %s
      audienceClaims: [aud]
      emailClaim: email
`, addrs[0], w.Upstream, base64.StdEncoding.EncodeToString([]byte(origin.Key)), tokenset.Audience, w.Issuer))
			if err != nil {
				return setup{}, err
			}
			core, err := write(dir, "core.cfg", `skip_jwt_bearer_tokens = true
email_domains = ["*"]
cookie_secret = "0123456789abcdef0123456789abcdef"
cookie_secure = false
redirect_url = "http://127.0.0.1/oauth2/callback"
standard_logging = false
auth_logging = false
request_logging = false
`)
			if err != nil {
				return setup{}, err
			}
			return setup{args: []string{"--config", core, "--alpha-config", alpha}, addr: addrs[0]}, nil
		},
	}
}

func oathkeeper() Spec {
	return Spec{
		Name: "oathkeeper", What: "Ory Oathkeeper, jwt authenticator, header mutator",
		Binary: "oathkeeper", Module: "github.com/ory/oathkeeper", Gate: true,
		configure: func(w World, dir string) (setup, error) {
			addrs, err := freeAddrs(3)
			if err != nil {
				return setup{}, err
			}
			jwt := map[string]any{
				"jwks_urls":          []string{w.Issuer + "/jwks"},
				"trusted_issuers":    []string{w.Issuer},
				"target_audience":    []string{tokenset.Audience},
				"allowed_algorithms": []string{tokenset.RS256, tokenset.ES256},
			}
			header := map[string]any{"headers": map[string]string{"X-Api-Key": origin.Key}}
			rules, err := writeJSON(dir, "rules.json", []any{map[string]any{
				"id":             "bench",
				"upstream":       map[string]any{"url": "http://" + w.Upstream},
				"match":          map[string]any{"url": "http://" + addrs[0] + "/", "methods": []string{"GET"}},
				"authenticators": []any{map[string]any{"handler": "jwt", "config": jwt}},
				"authorizer":     map[string]any{"handler": "allow"},
				"mutators":       []any{map[string]any{"handler": "header", "config": header}},
			}})
			if err != nil {
				return setup{}, err
			}
			config, err := writeJSON(dir, "oathkeeper.json", map[string]any{
				"serve": map[string]any{
					"proxy":      listen(addrs[0]),
					"api":        listen(addrs[1]),
					"prometheus": listen(addrs[2]),
				},
				"log":            map[string]any{"level": "error"},
				"access_rules":   map[string]any{"repositories": []string{"file://" + rules}},
				"authenticators": map[string]any{"jwt": map[string]any{"enabled": true, "config": jwt}},
				"authorizers":    map[string]any{"allow": map[string]any{"enabled": true}},
				"mutators":       map[string]any{"header": map[string]any{"enabled": true, "config": header}},
			})
			if err != nil {
				return setup{}, err
			}
			return setup{
				args: []string{"serve", "--config", config, "--sqa-opt-out"},
				env:  []string{"SQA_OPT_OUT=true"}, addr: addrs[0],
			}, nil
		},
	}
}

// haproxy checks what the others check: algorithm, signature, issuer, audience
// and expiry.
func haproxy() Spec {
	return Spec{
		Name: "haproxy", What: "HAProxy, jwt_verify, one set-header", Binary: "haproxy", Gate: true,
		configure: func(w World, dir string) (setup, error) {
			addrs, err := freeAddrs(1)
			if err != nil {
				return setup{}, err
			}
			config, err := write(dir, "haproxy.cfg", fmt.Sprintf(`global
	maxconn 4096
defaults
	mode http
	timeout connect 5s
	timeout client 30s
	timeout server 30s
frontend bench
	bind %s
	http-request set-var(txn.alg) http_auth_bearer,jwt_header_query('$.alg')
	http-request set-var(txn.iss) http_auth_bearer,jwt_payload_query('$.iss')
	http-request set-var(txn.aud) http_auth_bearer,jwt_payload_query('$.aud')
	http-request set-var(txn.exp) http_auth_bearer,jwt_payload_query('$.exp','int')
	http-request set-var(txn.now) date()
	http-request deny deny_status 401 unless { var(txn.alg) -m str RS256 } or { var(txn.alg) -m str ES256 }
	http-request deny deny_status 401 unless { var(txn.iss) -m str %s }
	http-request deny deny_status 401 unless { var(txn.aud) -m str %s }
	http-request deny deny_status 401 if { var(txn.exp),sub(txn.now) -m int le 0 }
	http-request deny deny_status 401 if { var(txn.alg) -m str RS256 } ! { http_auth_bearer,jwt_verify(txn.alg,"%s") -m int 1 }
	http-request deny deny_status 401 if { var(txn.alg) -m str ES256 } ! { http_auth_bearer,jwt_verify(txn.alg,"%s") -m int 1 }
	http-request set-header X-Api-Key %s
	default_backend upstream
backend upstream
	server upstream %s
`, addrs[0], w.Issuer, tokenset.Audience,
				w.PublicPEM(tokenset.RS256), w.PublicPEM(tokenset.ES256), origin.Key, w.Upstream))
			if err != nil {
				return setup{}, err
			}
			return setup{args: []string{"-db", "-f", config}, addr: addrs[0]}, nil
		},
	}
}

// Etcd is the store authgate-sidecar needs. It is no row.
func Etcd() Spec {
	return Spec{
		Name: "etcd", What: "store for the sidecar", Binary: "etcd", Module: "go.etcd.io/etcd/server/v3",
		configure: func(_ World, dir string) (setup, error) {
			addrs, err := freeAddrs(2)
			if err != nil {
				return setup{}, err
			}
			client, peer := "http://"+addrs[0], "http://"+addrs[1]
			return setup{addr: addrs[0], args: []string{
				"--name", "bench", "--data-dir", dir + "/data", "--log-level", "error",
				"--listen-client-urls", client, "--advertise-client-urls", client,
				"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", "bench=" + peer,
			}}, nil
		},
	}
}

func listen(addr string) map[string]any {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		panic("contestant: an address that is none: " + err.Error())
	}
	return map[string]any{"host": host, "port": json.Number(port)}
}

func writeJSON(dir, name string, v any) (string, error) {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return "", err
	}
	return write(dir, name, b.String())
}
