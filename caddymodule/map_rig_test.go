package caddymodule_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// tokenService is an upstream that gives each of its users a token of their own, to whoever holds its key,
// and keeps what it was asked.
type tokenService struct {
	address string

	mu     sync.Mutex
	key    string            // the stored credential it takes
	tokens map[string]string // by user
	broken bool              // answers the exchange with an error
	hang   chan struct{}     // no exchange is answered before it is closed
	seen   []serviceCall
}

type serviceCall struct{ path, key, all string }

const exchangePath = "/v1/users:byUUID/"

func newTokenService(t *testing.T, p *pki, key string) *tokenService {
	t.Helper()
	s := &tokenService{key: key, tokens: map[string]string{}}
	server := httptest.NewUnstartedServer(s)
	_ = server.Listener.Close()
	server.Listener = p.listen(t, "127.0.0.1:0") // speaks TLS already
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	t.Cleanup(server.Close)
	s.address = server.Listener.Addr().String()
	return s
}

func (s *tokenService) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// ServeHTTP implements http.Handler. Outside the exchange it echoes the credential in a header.
func (s *tokenService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.seen = append(s.seen, serviceCall{r.URL.Path, strings.Join(r.Header["X-Api-Key"], "|"), fmt.Sprint(r.URL, r.Header)})
	user, exchange := strings.CutPrefix(r.URL.Path, exchangePath)
	token, known := s.tokens[user]
	hang, broken, right := s.hang, s.broken, r.Header.Get("X-Api-Key") == s.key
	s.mu.Unlock()
	switch {
	case !exchange:
		w.Header().Set("X-Echo", r.Header.Get("X-Api-Key"))
		_, _ = io.WriteString(w, "ok")
		return
	case hang != nil:
		select {
		case <-hang:
		case <-r.Context().Done():
		}
	}
	switch {
	case broken:
		http.Error(w, "broken, with key "+r.Header.Get("X-Api-Key"), http.StatusInternalServerError)
	case !right:
		http.Error(w, "wrong key", http.StatusUnauthorized)
	case !known:
		http.NotFound(w, r)
	default:
		_, _ = fmt.Fprintf(w, `{"token":%q}`, token)
	}
}

// calls returns what came in since the last time, outside the exchange or in it.
func (s *tokenService) calls() (proxied, exchanges []serviceCall) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.seen {
		if strings.HasPrefix(c.path, exchangePath) {
			exchanges = append(exchanges, c)
		} else {
			proxied = append(proxied, c)
		}
	}
	s.seen = nil
	return proxied, exchanges
}

// mapSites attach the caller's own token, but for the last.
const mapSites = `
(mapped) {
	reverse_proxy https://$SERVICE {
		transport authgate {
			service_type stored
			map
			tls_trust_pool file $CA
		}
	}
}
https://map.tls.test:$TLS {
	tls $CERT $KEY {
		client_auth {
			mode request
		}
	}
	authgate {
		accept bearer mtls
	}
	import mapped
}
http://anonymous.test:$HTTP {
	authgate {
		anonymous
	}
	import mapped
}
http://nothing.test:$HTTP {
	authgate
	reverse_proxy 127.0.0.1:9 {
		transport authgate {
			map
		}
	}
}
http://health.test:$HTTP {
	authgate
	reverse_proxy https://$SERVICE {
		health_uri /health
		health_interval 50ms
		transport authgate {
			map
			tls_trust_pool file $CA
		}
	}
}
http://stored.test:$HTTP {
	authgate
	reverse_proxy https://$SERVICE {
		transport authgate {
			tls_trust_pool file $CA
		}
	}
}
`
