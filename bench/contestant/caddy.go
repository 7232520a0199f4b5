package contestant

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"path/filepath"

	"github.com/authgate/authgate/bench/origin"
	"github.com/authgate/authgate/bench/tokenset"
)

const caddyModule = "github.com/caddyserver/caddy/v2"

func caddy() Spec {
	return Spec{
		Name: "caddy", What: "bare Caddy reverse_proxy, one header_up, checks nothing",
		Binary: "caddy", Module: caddyModule,
		configure: func(w World, dir string) (setup, error) { return bareCaddy(w, dir) },
	}
}

func caddyGOGC() Spec {
	return Spec{
		Name: "caddy-gogc", What: "the same with authgate's garbage collector setting",
		Binary: "caddy", Module: caddyModule,
		configure: func(w World, dir string) (setup, error) {
			if w.SameGOGC == "" {
				return setup{}, fmt.Errorf("%w: authgate's setting is not known; give --gogc NUMBER", ErrMissing)
			}
			return bareCaddy(w, dir, "GOGC="+w.SameGOGC)
		},
	}
}

func authgate() Spec {
	return Spec{
		Name: "authgate", What: "authgate, embedded store, JWT checked, stored credential attached",
		Binary: "authgate", Module: "github.com/authgate/authgate", Gate: true,
		configure: func(w World, dir string) (setup, error) {
			store := "store embedded " + filepath.Join(dir, "etcd")
			return authgateWith(w, dir, store)
		},
	}
}

// Sidecar is authgate built without the embedded store. It takes part in the
// idle measurement only.
func Sidecar() Spec {
	return Spec{
		Name: "authgate-sidecar", What: "authgate's data plane, external etcd",
		Binary: "authgate-sidecar", Module: "github.com/authgate/authgate", Gate: true,
		configure: func(w World, dir string) (setup, error) {
			if w.Sidecar == "" {
				return setup{}, fmt.Errorf("%w: no etcd for it to talk to", ErrMissing)
			}
			key := make([]byte, 32)
			_, _ = rand.Read(key) // it never fails
			store := fmt.Sprintf("store etcd http://%s\n\t\tencryption_key %s", w.Sidecar, base64.StdEncoding.EncodeToString(key))
			return authgateWith(w, dir, store)
		},
	}
}

// caddySecurity checks what the others check: its two conditions must both
// hold. It tries the keys in order, whatever the token's kid.
func caddySecurity() Spec {
	return Spec{
		Name: "caddy-security", What: "Caddy with caddy-security, JWT checked, one header_up",
		Binary: "caddy-security", Module: "github.com/greenpau/caddy-security", Gate: true,
		configure: func(w World, dir string) (setup, error) {
			global := fmt.Sprintf(`	security {
		authorization policy bench {
			disable auth redirect
			set token sources header
			validate bearer header
			crypto key %s verify from file %s
			crypto key %s verify from file %s
			acl rule {
				match iss %s
				match aud %s
				allow stop
			}
		}
	}
`, tokenset.Kid(tokenset.RS256), w.PublicPEM(tokenset.RS256),
				tokenset.Kid(tokenset.ES256), w.PublicPEM(tokenset.ES256), w.Issuer, tokenset.Audience)
			site := fmt.Sprintf(`	authorize with bench
	reverse_proxy %s {
		header_up X-Api-Key %s
	}
`, w.Upstream, origin.Key)
			return caddyfile(dir, global, site)
		},
	}
}

func bareCaddy(w World, dir string, env ...string) (setup, error) {
	return caddyfile(dir, "", fmt.Sprintf(`	reverse_proxy %s {
		header_up X-Api-Key %s
	}
`, w.Upstream, origin.Key), env...)
}

// authgateWith makes the cache larger than any token set: what is compared is
// a warm cache, not its eviction.
func authgateWith(w World, dir, store string) (setup, error) {
	global := fmt.Sprintf(`	authgate {
		%s
		cache {
			entries 400000
		}
		issuer bench {
			url %s
			audience %s
			algorithms RS256 ES256
			allow_private_addresses
		}
		service_type bench {
			type custom
			auth_method headers
			auth_types oidc
			hosts 127.0.0.1
		}
		auth_method bench %s {
			header X-Api-Key {env.BENCH_API_KEY}
		}
	}
`, store, w.Issuer, tokenset.Audience, w.Upstream)
	site := fmt.Sprintf(`	authgate {
		issuers bench
	}
	reverse_proxy %s {
		transport authgate
	}
`, w.Upstream)
	env := []string{"BENCH_API_KEY=" + origin.Key}
	if w.GOGC != "" {
		env = append(env, "GOGC="+w.GOGC)
	}
	return caddyfile(dir, global, site, env...)
}

// caddyfile is the frame every Caddy row shares. The admin endpoint stays on in
// all of them: it is idle during a round, and GOGC is read from it before.
func caddyfile(dir, global, site string, env ...string) (setup, error) {
	addrs, err := freeAddrs(2)
	if err != nil {
		return setup{}, err
	}
	path, err := write(dir, "Caddyfile", fmt.Sprintf(`{
	admin %s
	persist_config off
	auto_https off
	grace_period 1s
	storage file_system %s
	log {
		level ERROR
	}
%s}

http://%s {
	bind 127.0.0.1
%s}
`, addrs[1], filepath.Join(dir, "storage"), global, addrs[0], site))
	if err != nil {
		return setup{}, err
	}
	return setup{
		args: []string{"run", "--config", path, "--adapter", "caddyfile"},
		env:  env, addr: addrs[0], admin: addrs[1],
	}, nil
}
