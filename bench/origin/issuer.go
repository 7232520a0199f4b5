package origin

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Issuer publishes an OpenID discovery document and a key set on loopback.
type Issuer struct {
	url string
	srv *http.Server
	ln  net.Listener
	wg  sync.WaitGroup
}

// ListenIssuer takes the port written in portFile, or a free one, which it
// writes there: kept tokens name their issuer, so the port has to come back.
// It answers nothing before Serve.
func ListenIssuer(portFile string) (*Issuer, error) {
	ln, err := listenAgain(portFile)
	if err != nil {
		return nil, err
	}
	return &Issuer{url: "http://" + ln.Addr().String(), ln: ln}, nil
}

// URL is the `iss` of its tokens.
func (i *Issuer) URL() string { return i.url }

// Serve answers discovery and the given key set until Close.
func (i *Issuer) Serve(jwks map[string]any, algs ...string) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", document(map[string]any{
		"issuer":                                i.url,
		"jwks_uri":                              i.url + "/jwks",
		"authorization_endpoint":                i.url + "/authorize",
		"token_endpoint":                        i.url + "/token",
		"response_types_supported":              []string{"id_token"},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": algs,
	}))
	mux.HandleFunc("GET /jwks", document(jwks))
	i.srv = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	i.wg.Go(func() { _ = i.srv.Serve(i.ln) })
}

// Close stops serving and waits for the server.
func (i *Issuer) Close() {
	if i.srv != nil {
		_ = i.srv.Close()
	}
	_ = i.ln.Close()
	i.wg.Wait()
}

func document(v map[string]any) http.HandlerFunc {
	body, err := json.Marshal(v)
	if err != nil {
		panic("origin: a document that is no JSON: " + err.Error())
	}
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "max-age=3600")
		_, _ = w.Write(body)
	}
}

func listenAgain(portFile string) (net.Listener, error) {
	if raw, err := os.ReadFile(portFile); err == nil {
		if port, err := strconv.Atoi(strings.TrimSpace(string(raw))); err == nil {
			if ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
				return ln, nil
			}
		}
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(ln.Addr().String())
	if err != nil {
		return nil, err
	}
	return ln, os.WriteFile(portFile, []byte(port+"\n"), 0o644)
}
