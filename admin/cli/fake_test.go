package cli_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// fake is a server that answers as a test wants, and a shell that talks to it.
func fake(t *testing.T, h http.HandlerFunc) shell {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return shell{env: map[string]string{
		"AUTHGATE_ADMIN_URL": srv.URL, "AUTHGATE_ADMIN_KEY": adminKey, "CADDY_ADMIN": srv.Listener.Addr().String(),
	}}
}

func answer(w http.ResponseWriter, body string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_, _ = w.Write([]byte(body))
}
