package authn_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/authgate/authgate/authn"
	"github.com/authgate/authgate/authn/authntest"
)

// FuzzToken: no text panics, passes without a right signature, or gets an error without an outcome.
func FuzzToken(f *testing.F) {
	idp := authntest.New(f, authntest.WithAlg("EdDSA"))
	s := newIssuers(f, newIssuer(f, idp))
	good := idp.Token(f, nil)
	mustPass(f, s, good)
	for _, seed := range []string{
		good, good + "\n", good + ".", good[:len(good)-1], "", ".", "..", "a.b.c", "sha256~x",
		b64(`{"alg":"none"}`) + "." + b64(`{"iss":"`+idp.URL+`"}`) + ".",
		b64(`{"alg":"EdDSA","kid":"key-1","crit":["exp"]}`) + "." + strings.SplitN(good, ".", 2)[1],
		b64(`{"alg":"EdDSA","alg":"none","kid":"key-1"}`) + "." + strings.SplitN(good, ".", 2)[1],
		strings.Repeat("a", 20000), b64(strings.Repeat("[", 100)) + ".e30.YQ",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		p, err := s.Authenticate(t.Context(), bearer(token))
		if err == nil && (p == nil || token != good) {
			t.Fatalf("token %q passed", token)
		}
		if err != nil && !errors.Is(err, authn.ErrRejected) && !errors.Is(err, authn.ErrNotMine) {
			t.Fatalf("got %v, want rejected or not mine", err)
		}
	})
}

// FuzzClaims signs any payload: what passes must be what encoding/json reads from it, too.
func FuzzClaims(f *testing.F) {
	idp := authntest.New(f, authntest.WithAlg("EdDSA"))
	s, err := authn.NewIssuers([]*authn.Issuer{newIssuer(f, idp)}, nil)
	if err != nil {
		f.Fatal(err)
	}
	valid, err := json.Marshal(idp.Claims(map[string]any{"roles": []string{"a"}, "x": map[string]any{"y": 1.5, "z": []any{true, "t"}}}))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(valid))
	for _, extra := range []string{
		`"sub":"admin"`, `"\u0073ub":"admin"`, `"a.b":1,"a":{"b":2}`, `"a":{"":{"":[{},[],null]}}`, `"esc":"\ud834\udd1e\"\\\/\b"`,
		`"email":"a@b","email_verified":true`, `"exp":1e400`, `"nbf":"1"`, `"aud":[]`, ` "sp" : [ 1 , 2 ] `, `"n":-0.0e-1`,
	} {
		f.Add(strings.TrimSuffix(string(valid), "}") + "," + extra + "}")
	}
	f.Fuzz(func(t *testing.T, payload string) {
		p, err := s.Authenticate(t.Context(), bearer(idp.Token(t, nil, authntest.RawPayload(payload))))
		if err != nil {
			return
		}
		var claims map[string]any
		if err := json.Unmarshal([]byte(payload), &claims); err != nil {
			t.Fatalf("payload %q passed, which is no JSON: %v", payload, err)
		}
		if p.ID != claims["sub"] || p.Issuer != claims["iss"] || !utf8.ValidString(p.ID) {
			t.Fatalf("payload %q: got subject %q of %q", payload, p.ID, p.Issuer)
		}
		for name, want := range claims {
			switch want := want.(type) {
			case string:
				if name != "email" && p.Attrs.First(name) != want {
					t.Fatalf("payload %q: claim %q is %q, want %q", payload, name, p.Attrs.First(name), want)
				}
			case bool:
				if got := p.Attrs.First(name) == "true"; got != want {
					t.Fatalf("payload %q: claim %q is %q, want %t", payload, name, p.Attrs.First(name), want)
				}
			}
		}
	})
}

// FuzzJWKS: no key set panics, and none without a usable key is taken.
func FuzzJWKS(f *testing.F) {
	idp := authntest.New(f, authntest.WithAlg("ES256"))
	idp.Publish(authntest.NewKey(f, "EdDSA", "ed"))
	idp.Publish(authntest.NewKey(f, "RS256", "rsa"))
	f.Add(idp.JWKS())
	for _, seed := range []string{
		`{}`, `{"keys":[]}`, `{"keys":[{}]}`, `{"keys":null}`, `[]`, `null`, `{"keys":[{"kty":"oct","kid":"a","k":"AA"}]}`,
		`{"keys":[{"kty":"RSA","kid":"a","n":"AQAB","e":"AQ"}]}`, `{"keys":[{"kty":"EC","kid":"a","crv":"P-256","x":"AA","y":"AA"}]}`,
		`{"keys":[{"kty":"OKP","kid":"a","crv":"Ed25519","x":""}]}`, `{"keys":[{"kty":"EC","kid":"a","crv":"P-521","x":5}]}`,
	} {
		f.Add([]byte(seed))
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		name := filepath.Join(dir, "jwks.json")
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
		cfg := configFor(idp, "x")
		cfg.JWKSFile, cfg.Algorithms = name, []string{"RS256", "ES256", "ES384", "ES512", "EdDSA"}
		i, err := authn.NewIssuer(cfg, authn.IssuerDeps{Now: idp.Clock.Now})
		if err != nil {
			return
		}
		defer i.Close()
		keys := i.Status().Keys
		if len(keys) == 0 || !json.Valid(data) {
			t.Fatalf("set %q was taken with %d keys", data, len(keys))
		}
		for _, k := range keys {
			if k.KeyID == "" || len(k.Algorithms) == 0 {
				t.Fatalf("set %q: got key %+v", data, k)
			}
		}
	})
}
