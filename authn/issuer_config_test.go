package authn_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/authgate/authgate/authn"
	"github.com/authgate/authgate/authn/authntest"
	"github.com/authgate/authgate/internal/fault"
)

func publicConfig() authn.IssuerConfig {
	return authn.IssuerConfig{Name: "x", URL: "https://idp.example/tenant", Audiences: []string{"a"}}
}

// TestValidate checks that each mistake is refused and named after its Caddyfile field.
func TestValidate(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		change func(*authn.IssuerConfig)
		field  string // empty: valid
	}{
		{"plain", func(*authn.IssuerConfig) {}, ""},
		{"root_url", func(c *authn.IssuerConfig) { c.URL = "https://accounts.google.com" }, ""},
		{"url_with_slash", func(c *authn.IssuerConfig) { c.URL = "https://tenant.auth0.com/" }, ""},
		{"all_algorithms", func(c *authn.IssuerConfig) {
			c.Algorithms = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
		}, ""},
		{"jwks_url_with_query", func(c *authn.IssuerConfig) { c.JWKSURL = "https://keys.example/k?p=1" }, ""},
		{"no_name", func(c *authn.IssuerConfig) { c.Name = "" }, "name"},
		{"no_url", func(c *authn.IssuerConfig) { c.URL = "" }, "url"},
		{"no_audience", func(c *authn.IssuerConfig) { c.Audiences = nil }, "audience"},
		{"empty_audience", func(c *authn.IssuerConfig) { c.Audiences = []string{"a", ""} }, "audience"},
		{"any_audience", func(c *authn.IssuerConfig) { c.Audiences, c.InsecureAnyAudience = nil, true }, ""},
		{"any_audience_and_one", func(c *authn.IssuerConfig) { c.InsecureAnyAudience = true }, "insecure_any_audience"},
		{"empty_party", func(c *authn.IssuerConfig) { c.AuthorizedParties = []string{""} }, "authorized_party"},
		{"J1_none", func(c *authn.IssuerConfig) { c.Algorithms = []string{"none"} }, "algorithms"},
		{"J2_hs256", func(c *authn.IssuerConfig) { c.Algorithms = []string{"RS256", "HS256"} }, "algorithms"},
		{"algorithm_case", func(c *authn.IssuerConfig) { c.Algorithms = []string{"rs256"} }, "algorithms"},
		{"algorithm_twice", func(c *authn.IssuerConfig) { c.Algorithms = []string{"RS256", "RS256"} }, "algorithms"},
		{"two_key_sources", func(c *authn.IssuerConfig) { c.JWKSURL, c.JWKSFile = "https://a.example/k", "f" }, "jwks_file"},
		{"jwks_url_http", func(c *authn.IssuerConfig) { c.JWKSURL = "http://a.example/k" }, "jwks_url"},
		{"cooldown_short", func(c *authn.IssuerConfig) { c.KeyCooldown = time.Millisecond }, "key_cooldown"},
		{"cooldown_negative", func(c *authn.IssuerConfig) { c.KeyCooldown = -time.Second }, "key_cooldown"},
		{"key_age_short", func(c *authn.IssuerConfig) { c.MaxKeyAge = time.Second }, "max_key_age"},
		{"key_age_long", func(c *authn.IssuerConfig) { c.MaxKeyAge = 1000 * time.Hour }, "max_key_age"},
		{"leeway_long", func(c *authn.IssuerConfig) { c.Leeway = time.Hour }, "leeway"},
		{"leeway_none", func(c *authn.IssuerConfig) { c.Leeway = -1 }, ""},
		{"token_use", func(c *authn.IssuerConfig) { c.TokenUse = "refresh" }, "token_use"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg := publicConfig()
			tt.change(&cfg)
			err := cfg.Validate()
			if tt.field == "" {
				if err != nil {
					t.Fatalf("got %v, want none", err)
				}
				return
			}
			if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), tt.field+": ") {
				t.Fatalf("got %v, want an invalid %s", err, tt.field)
			}
			if _, err := authn.NewIssuer(cfg, authn.IssuerDeps{}); err == nil {
				t.Error("NewIssuer accepted it")
			}
		})
	}
}

// TestIssuerURL: what the gateway must not be talked into calling is refused when it is configured
// (specs K6), with and without allow_private_addresses.
func TestIssuerURL(t *testing.T) {
	t.Parallel()
	const never, private, always = 0, 1, 2 // accepted
	for url, when := range map[string]int{
		"https://idp.example": always, "https://idp.example:8443/a/b": always, "https://8.8.8.8/": always,
		"https://[2606:4700::1111]": always, "HTTPS://idp.example": always, "https://xn--bcher-kva.example": always,

		"http://idp.example": never, "ftp://idp.example": never, "file:///etc/passwd": never, "idp.example": never,
		"https://": never, "https:///x": never, "https:idp.example": never, "//idp.example": never, "https://:443": never,
		"https://u@idp.example": never, "https://u:p@idp.example": never, "https://idp@evil.example": never,
		"https://idp.example?x": never, "https://idp.example/?": never, "https://idp.example#x": never, "https://idp.example#": never,
		"https://idp.example/a b": never, "https://idp.exa\u006dple\u2024com": never, "https://idp\u3002example": never,
		"https://idp.example\\@evil.example": never, "https://idp.example/\x00": never, "https://idp.example:port": never,
		"https://%31%32%37.0.0.1": never, "https://idp%2eexample": never, " https://idp.example": never, "https://idp.example\n": never,

		"https://127.0.0.1": private, "https://127.9.9.9": private, "https://[::1]": private, "https://localhost": private,
		"https://localhost.": private, "https://a.localhost": private, "https://LOCALHOST": private,
		"http://127.0.0.1:8080": private, "http://localhost:8080": private, "http://[::1]:8080": private,
		"https://10.0.0.1": private, "https://172.16.0.1": private, "https://192.168.1.1": private, "https://100.64.0.1": private,
		"https://[fd12:3456::1]": private, "https://[fec0::1]": private, "https://[::ffff:10.0.0.1]": private,
		"https://[64:ff9b::10.0.0.1]": private, "https://[2002:0a00:0001::]": private, "https://[::10.0.0.1]": private,
		"https://0.1.2.3": private, "https://198.18.0.1": private, "https://240.0.0.1": private, "https://192.0.2.1": private,
		"https://[2001:db8::1]": private,

		"http://10.0.0.1": never, "http://idp.internal": never, "http://localhost.example": never,
		"https://169.254.169.254": never, "https://169.254.1.1": never, "https://[fe80::1]": never, "https://[fe80::1%25eth0]": never,
		"https://[fd00:ec2::254]": never, "https://[::ffff:169.254.169.254]": never, "https://[64:ff9b::169.254.169.254]": never,
		"https://[64:ff9b::a9fe:a9fe]": never, "https://[2002:a9fe:a9fe::]": never, "https://[::169.254.169.254]": never,
		"https://168.63.129.16": never, "https://100.100.100.200": never, "https://192.0.0.192": never,
		"https://0.0.0.0": never, "https://[::]": never, "https://255.255.255.255": never, "https://224.0.0.1": never, "https://[ff02::1]": never,
		"https://0x7f.1": never, "https://0x7f000001": never, "https://2130706433": never, "https://0177.0.0.1": never, "https://127.1": never,
		"https://127.0.0.1.": never, "https://0xa9fea9fe": never, "https://169.254.43518": never, "https://foo.0x7F": never, "https://1.2.3.4.5": never,
	} {
		t.Run("K6_"+url, func(t *testing.T) {
			t.Parallel()
			cfg := publicConfig()
			cfg.URL = url
			if err := cfg.Validate(); (err == nil) != (when == always) {
				t.Errorf("without allow_private_addresses: got %v, want accepted %t", err, when == always)
			}
			cfg.AllowPrivateAddresses = true
			if err := cfg.Validate(); (err == nil) != (when != never) {
				t.Errorf("with allow_private_addresses: got %v, want accepted %t", err, when != never)
			}
		})
	}
}

// TestDialGuard: a name that leads to a forbidden address is refused when it is dialled, whatever was
// configured (specs K6, DNS rebinding).
func TestDialGuard(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		address               string
		private, loopbackOnly bool
		ok                    bool
	}{
		{address: "93.184.215.14:443", ok: true},
		{address: "[2606:4700::1111]:443", ok: true},
		{address: "127.0.0.1:443"}, {address: "[::1]:443"}, {address: "10.1.2.3:443"}, {address: "[::ffff:127.0.0.1]:443"},
		{address: "[fd00::1]:443"}, {address: "169.254.169.254:80"}, {address: "[fe80::1%eth0]:443"}, {address: "100.64.1.1:443"},
		{address: "127.0.0.1:443", private: true, ok: true}, {address: "10.1.2.3:443", private: true, ok: true},
		{address: "169.254.169.254:80", private: true}, {address: "[fd00:ec2::254]:80", private: true},
		{address: "[fd00:ec2::23]:80", private: true}, {address: "[fd20:ce::254]:80", private: true}, {address: "[fd00:c1::a9fe:a9fe]:80", private: true}, {address: "[fe80::1%eth0]:443", private: true},
		{address: "[64:ff9b::a9fe:a9fe]:80", private: true}, {address: "0.0.0.0:80", private: true},
		{address: "10.1.2.3:80", private: true, loopbackOnly: true}, {address: "93.184.215.14:80", private: true, loopbackOnly: true},
		{address: "127.0.0.1:80", private: true, loopbackOnly: true, ok: true},
		{address: "idp.example:443", private: true}, {address: "127.0.0.1", private: true},
	} {
		if err := authn.CheckDial(tt.address, tt.private, tt.loopbackOnly); (err == nil) != tt.ok {
			t.Errorf("%+v: got %v", tt, err)
		}
	}
	t.Run("K6_name_that_leads_to_loopback", func(t *testing.T) {
		t.Parallel()
		idp := authntest.New(t, authntest.WithAlg("ES256"), authntest.WithTLS())
		for name, url := range map[string]string{"by_name": strings.Replace(idp.URL, "127.0.0.1", "localhost", 1), "by_address": idp.URL} {
			cfg := authn.IssuerConfig{
				Name: name, URL: url, Audiences: []string{authntest.Audience}, Algorithms: []string{"ES256"}, CAFile: idp.CAFile(t),
			}
			i, err := authn.NewUncheckedIssuer(cfg, authn.IssuerDeps{Now: idp.Clock.Now})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(i.Close)
			mustFail(t, newIssuers(t, i), idp.Token(t, map[string]any{"iss": url}), authn.ErrUnavailable)
			if st := i.Status(); !strings.Contains(st.LastError, "forbidden address") {
				t.Errorf("%s: got error %q, want that the address is forbidden", name, st.LastError)
			}
		}
		if n := idp.Discoveries(); n != 0 {
			t.Errorf("%d requests arrived at a loopback address", n)
		}
	})
}

func TestFingerprint(t *testing.T) {
	t.Parallel()
	ca := authntest.New(t, authntest.WithTLS()).CAFile(t)
	copied := filepath.Join(t.TempDir(), "ca.pem")
	pem, err := os.ReadFile(ca)
	if err != nil {
		t.Fatal(err)
	}
	print := func(change func(*authn.IssuerConfig)) string {
		t.Helper()
		cfg := publicConfig()
		change(&cfg)
		i, err := authn.NewIssuer(cfg, authn.IssuerDeps{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(i.Close)
		return i.Fingerprint()
	}
	withCA := func(content []byte) func(*authn.IssuerConfig) {
		return func(c *authn.IssuerConfig) {
			if err := os.WriteFile(copied, content, 0o600); err != nil {
				t.Fatal(err)
			}
			c.CAFile = copied
		}
	}
	plain := print(func(*authn.IssuerConfig) {})
	if again := print(func(c *authn.IssuerConfig) { c.Algorithms, c.Leeway = []string{"RS256"}, time.Minute }); again != plain {
		t.Error("naming the defaults changes the fingerprint")
	}
	seen := map[string]string{plain: "plain"}
	for name, change := range map[string]func(*authn.IssuerConfig){
		"name":      func(c *authn.IssuerConfig) { c.Name = "y" },
		"url":       func(c *authn.IssuerConfig) { c.URL += "2" },
		"audience":  func(c *authn.IssuerConfig) { c.Audiences = []string{"b"} },
		"audiences": func(c *authn.IssuerConfig) { c.Audiences = []string{"a", "b"} },
		"party":     func(c *authn.IssuerConfig) { c.AuthorizedParties = []string{"b"} },
		"C3_joined": func(c *authn.IssuerConfig) { c.Audiences = []string{"a1:b"} },
		"any":       func(c *authn.IssuerConfig) { c.Audiences, c.InsecureAnyAudience = nil, true },
		"alg":       func(c *authn.IssuerConfig) { c.Algorithms = []string{"ES256"} },
		"jwks":      func(c *authn.IssuerConfig) { c.JWKSURL = "https://a.example" },
		"age":       func(c *authn.IssuerConfig) { c.MaxKeyAge = time.Hour },
		"cooldown":  func(c *authn.IssuerConfig) { c.KeyCooldown = time.Minute },
		"leeway":    func(c *authn.IssuerConfig) { c.Leeway = -1 },
		"private":   func(c *authn.IssuerConfig) { c.AllowPrivateAddresses = true },
		"roles":     func(c *authn.IssuerConfig) { c.RolesClaim = "groups" },
		"use":       func(c *authn.IssuerConfig) { c.TokenUse = "id" },
	} {
		p := print(change)
		if other, dup := seen[p]; dup {
			t.Errorf("%s and %s have one fingerprint", name, other)
		}
		seen[p] = name
	}
	if one, two := print(withCA(pem)), print(withCA(append(pem, '\n'))); one == two {
		t.Error("another content of the CA file does not change the fingerprint")
	}
}

// TestReload: a key taken out of a JWKS file is gone after a reload, also when it was put there after the
// issuer was made, and the key that stays goes on.
func TestReload(t *testing.T) {
	t.Parallel()
	idp, file := authntest.New(t), filepath.Join(t.TempDir(), "keys.json")
	cfg := publicConfig()
	cfg.URL, cfg.Audiences, cfg.JWKSFile, cfg.AllowPrivateAddresses = idp.URL, []string{authntest.Audience}, file, true
	read := func() *authn.Issuer {
		t.Helper()
		if err := os.WriteFile(file, idp.JWKS(), 0o600); err != nil {
			t.Fatal(err)
		}
		i, err := authn.NewIssuer(cfg, authn.IssuerDeps{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(i.Close)
		return i
	}
	running := read()
	s, err := authn.NewIssuers([]*authn.Issuer{running}, authn.NewTokenCache(10))
	if err != nil {
		t.Fatal(err)
	}
	first := idp.Token(t, nil)
	mustPass(t, s, first)
	added := idp.Rotate(t)
	running.Reload(read())
	second := idp.Token(t, nil)
	mustPass(t, s, second)

	idp.Remove(added.ID)
	fresh := read()
	if fresh.Fingerprint() != running.Fingerprint() {
		t.Error("the keys are part of the fingerprint")
	}
	running.Reload(fresh)
	mustFail(t, s, second, authn.ErrRejected)
	mustPass(t, s, first)
}
