//go:build !authgate_sidecar

package caddymodule

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/golang-jwt/jwt/v5"
)

// demoRig is everything the demo runs on: an issuer, an echo service and a gateway, on loopback.
type demoRig struct {
	dir                             string
	issuerURL, echoHost, admin, api string
	adminTLS, apiTLS                string // the same with TLS, for callers with a client certificate
	echoPort, usersPort             int
	adminKey                        string
	key                             *ecdsa.PrivateKey
	ca                              *demoCA
	stops                           []func()
}

func startDemo(ctx context.Context) (rig *demoRig, err error) {
	rig = &demoRig{}
	defer func() {
		if err != nil {
			rig.stop()
		}
	}()
	if rig.dir, err = os.MkdirTemp("", "authgate-demo-"); err != nil {
		return rig, err
	}
	rig.stops = append(rig.stops, func() { _ = os.RemoveAll(rig.dir) })
	random := make([]byte, 24)
	_, _ = rand.Read(random) // never fails
	rig.adminKey = hex.EncodeToString(random)
	if rig.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return rig, err
	}
	if rig.ca, err = newDemoCA(rig.dir); err != nil {
		return rig, err
	}
	issuer, err := rig.serve(rig.issuer(), nil)
	if err != nil {
		return rig, err
	}
	rig.issuerURL = "http://" + issuer.String()
	for i, name := range []string{"gateway", "users", "robot"} {
		subject := pkix.Name{CommonName: name, Organization: []string{"acme"}}
		if err := rig.ca.issue(name, int64(i)+2, subject, rig.issuerURL+"/crl"); err != nil {
			return rig, err
		}
	}
	echo, err := rig.serve(http.HandlerFunc(serveEcho), nil)
	if err != nil {
		return rig, err
	}
	rig.echoHost, rig.echoPort = echo.IP.String(), echo.Port
	cert, err := tls.LoadX509KeyPair(rig.ca.file("users.pem"), rig.ca.file("users-key.pem"))
	if err != nil {
		return rig, err
	}
	users, err := rig.serve(serveUsers(), &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12})
	if err != nil {
		return rig, err
	}
	rig.usersPort = users.Port
	return rig, rig.startGateway(ctx)
}

func (rig *demoRig) stop() {
	for i := len(rig.stops) - 1; i >= 0; i-- {
		rig.stops[i]()
	}
	rig.stops = nil
}

// serve runs a server, with TLS if it gets a configuration of that.
func (rig *demoRig) serve(h http.Handler, secure *tls.Config) (*net.TCPAddr, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := ln.Addr().(*net.TCPAddr)
	if secure != nil {
		ln = tls.NewListener(ln, secure)
	}
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.Serve(ln)
	}()
	rig.stops = append(rig.stops, func() { _ = srv.Close(); <-done })
	return addr, nil
}

// issuer serves what OpenID Connect discovery asks for.
func (rig *demoRig) issuer() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, map[string]any{
			"issuer": rig.issuerURL, "jwks_uri": rig.issuerURL + "/keys",
			"id_token_signing_alg_values_supported": []string{"ES256"}, "subject_types_supported": []string{"public"},
			"response_types_supported": []string{"id_token"}, "authorization_endpoint": rig.issuerURL + "/authorize",
		})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		point, err := rig.key.PublicKey.Bytes()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		b64 := base64.RawURLEncoding.EncodeToString
		writeJSON(w, map[string]any{"keys": []any{map[string]any{
			"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": "demo", "x": b64(point[1:33]), "y": b64(point[33:]),
		}}})
	})
	mux.HandleFunc("GET /crl", rig.ca.serveList)
	return mux
}

// token mints an ID token as the issuer would for a build job.
func (rig *demoRig) token() (string, error) {
	now := time.Now()
	t := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{
		"iss": rig.issuerURL, "sub": "repo:acme/app:ref:refs/heads/main", "aud": "https://gate.demo", "repository": "acme/app",
		"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	})
	t.Header["kid"] = "demo"
	return t.SignedString(rig.key)
}

// serveUsers is a service with users and a token for each of them, which it gives to whoever has its API
// key; to everything else it answers with what it saw.
func serveUsers() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/{user}/{id}", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Api-Key") != "key-of-users" {
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		writeJSON(w, map[string]any{"token": "token-of-" + r.PathValue("id")})
	})
	mux.HandleFunc("/", serveEcho)
	return mux
}

// serveEcho is the service behind the gateway: it answers with what it saw.
func serveEcho(w http.ResponseWriter, r *http.Request) {
	seen := map[string]string{}
	for name := range r.Header {
		seen[name] = r.Header.Get(name)
	}
	writeJSON(w, map[string]any{"method": r.Method, "path": r.URL.RequestURI(), "headers": seen})
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ") // people read it
	_ = enc.Encode(v)
}

// demoCaddyfile is the configuration a user would write; the quoted words are filled in.
const demoCaddyfile = `{
	admin off
	persist_config off
	auto_https off
	log {
		output file %[1]q
	}
	authgate {
		store embedded %[2]q
		admin_key %[3]q
		issuer demo {
			url %[4]q
			audience https://gate.demo
			algorithms ES256
			allow_private_addresses
		}
		x509 {
			ca %[8]q
			allow_private_addresses
		}
	}
}

http://%[5]s {
	authgate_admin
}

https://%[9]s {
	bind 127.0.0.1
	tls %[10]q %[11]q {
		client_auth {
			mode request
		}
	}
	authgate_admin
}

http://%[6]s {
	authgate {
		require claim repository acme/app
	}
	reverse_proxy %[7]s {
		transport authgate
	}
}

https://%[12]s {
	bind 127.0.0.1
	tls %[10]q %[11]q {
		client_auth {
			mode request
		}
	}
	authgate {
		accept mtls
	}
	reverse_proxy https://%[13]s {
		transport authgate {
			service_type users
			map
			tls_trust_pool file %[8]q
		}
	}
}
`

func (rig *demoRig) startGateway(ctx context.Context) error {
	for _, address := range []*string{&rig.admin, &rig.api, &rig.adminTLS, &rig.apiTLS} {
		var err error
		if *address, err = freeAddress(); err != nil {
			return err
		}
	}
	// By name: Caddy asks of sites with client certificates that TLS and HTTP name the same host.
	rig.adminTLS = strings.Replace(rig.adminTLS, "127.0.0.1", "localhost", 1)
	rig.apiTLS = strings.Replace(rig.apiTLS, "127.0.0.1", "localhost", 1)
	text := fmt.Sprintf(demoCaddyfile, filepath.Join(rig.dir, "gateway.log"), filepath.Join(rig.dir, "etcd"), rig.adminKey,
		rig.issuerURL, rig.admin, rig.api, net.JoinHostPort(rig.echoHost, fmt.Sprint(rig.echoPort)),
		rig.ca.file("ca.pem"), rig.adminTLS, rig.ca.file("gateway.pem"), rig.ca.file("gateway-key.pem"), rig.apiTLS,
		net.JoinHostPort(rig.echoHost, fmt.Sprint(rig.usersPort)))
	config, warnings, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), map[string]any{"filename": "Caddyfile"})
	if err != nil {
		return fmt.Errorf("adapting the demo's Caddyfile: %w %v", err, warnings)
	}
	if err := caddy.Load(config, true); err != nil {
		return fmt.Errorf("starting the gateway: %w", err)
	}
	rig.stops = append(rig.stops, func() { _ = caddy.Stop() })
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+rig.admin+"/readyz", nil)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return errors.New("the gateway did not get ready within 20 s")
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// freeAddress finds a port nobody listens on. Somebody could take it before the gateway does; then the
// demo fails and says so.
func freeAddress() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer ln.Close()
	return ln.Addr().String(), nil
}
