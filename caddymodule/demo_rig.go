//go:build !authgate_sidecar

package caddymodule

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/golang-jwt/jwt/v5"
)

// demoRig is everything the demo runs on: an issuer, an echo service and a gateway, on loopback.
type demoRig struct {
	dir                             string
	issuerURL, echoHost, admin, api string
	echoPort                        int
	adminKey                        string
	key                             *ecdsa.PrivateKey
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
	issuer, err := rig.serve(rig.issuer())
	if err != nil {
		return rig, err
	}
	rig.issuerURL = "http://" + issuer
	echo, err := rig.serve(http.HandlerFunc(serveEcho))
	if err != nil {
		return rig, err
	}
	addr, err := net.ResolveTCPAddr("tcp", echo)
	if err != nil {
		return rig, err
	}
	rig.echoHost, rig.echoPort = addr.IP.String(), addr.Port
	return rig, rig.startGateway(ctx)
}

func (rig *demoRig) stop() {
	for i := len(rig.stops) - 1; i >= 0; i-- {
		rig.stops[i]()
	}
	rig.stops = nil
}

func (rig *demoRig) serve(h http.Handler) (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.Serve(ln)
	}()
	rig.stops = append(rig.stops, func() { _ = srv.Close(); <-done })
	return ln.Addr().String(), nil
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
	}
}

http://%[5]s {
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
`

func (rig *demoRig) startGateway(ctx context.Context) error {
	var err error
	if rig.admin, err = freeAddress(); err != nil {
		return err
	}
	if rig.api, err = freeAddress(); err != nil {
		return err
	}
	text := fmt.Sprintf(demoCaddyfile, filepath.Join(rig.dir, "gateway.log"), filepath.Join(rig.dir, "etcd"), rig.adminKey,
		rig.issuerURL, rig.admin, rig.api, net.JoinHostPort(rig.echoHost, fmt.Sprint(rig.echoPort)))
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
