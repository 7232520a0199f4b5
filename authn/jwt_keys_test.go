package authn_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"testing"

	"github.com/authgate/authgate/authn"
	"github.com/authgate/authgate/authn/authntest"
)

// TestAlgorithmConfusion: everything public about an RSA key, taken for an HMAC secret (specs J2). The
// configuration cannot even name HS256, so the issuer here accepts all it can name.
func TestAlgorithmConfusion(t *testing.T) {
	t.Parallel()
	idp := authntest.New(t)
	i := newIssuer(t, idp, func(c *authn.IssuerConfig) {
		c.Algorithms = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
	})
	s := newIssuers(t, i)
	mustPass(t, s, idp.Token(t, nil))
	key := idp.SigningKey()
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	jwk, err := json.Marshal(key.JWK)
	if err != nil {
		t.Fatal(err)
	}
	secrets := map[string][]byte{
		"J2_public_key_pem":   pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}),
		"J2_public_key_der":   der,
		"J2_public_key_pkcs1": x509.MarshalPKCS1PublicKey(key.Public().(*rsa.PublicKey)),
		"J2_jwks_bytes":       idp.JWKS(),
		"J2_jwk_bytes":        jwk,
		"J2_empty_secret":     {},
	}
	for name, secret := range secrets {
		for _, kid := range []string{key.ID, "published"} {
			t.Run(name+"_kid_"+kid, func(t *testing.T) {
				t.Parallel()
				mustFail(t, s, idp.Token(t, nil, authntest.SignedBy(authntest.HMACKey(secret, kid))), authn.ErrRejected)
			})
		}
	}
	t.Run("J2_ed25519_key_as_secret", func(t *testing.T) {
		t.Parallel()
		idp := authntest.New(t, authntest.WithAlg("EdDSA"))
		s := newIssuers(t, newIssuer(t, idp))
		x, err := base64.RawURLEncoding.DecodeString(idp.SigningKey().JWK["x"].(string))
		if err != nil {
			t.Fatal(err)
		}
		mustPass(t, s, idp.Token(t, nil))
		mustFail(t, s, idp.Token(t, nil, authntest.SignedBy(authntest.HMACKey(x, "key-1"))), authn.ErrRejected)
	})
}

// TestKeyAlgorithm: the key, not the token, says what it verifies (specs J3).
func TestKeyAlgorithm(t *testing.T) {
	t.Parallel()
	idp := authntest.New(t)
	i := newIssuer(t, idp, func(c *authn.IssuerConfig) { c.Algorithms = []string{"RS256", "RS512", "PS256", "ES256", "ES384"} })
	s := newIssuers(t, i)
	rs256 := idp.SigningKey()
	signAs := func(alg string) *authntest.Key {
		k := *rs256
		k.Alg = alg
		return &k
	}
	open := authntest.NewKey(t, "PS256", "any-alg")
	delete(open.JWK, "alg")
	idp.Publish(open)
	p384 := authntest.NewKey(t, "ES384", "p384")
	idp.Publish(p384)
	mustPass(t, s, idp.Token(t, nil))
	mustPass(t, s, idp.Token(t, nil, authntest.SignedBy(p384)))

	for _, tt := range []struct {
		name string
		key  *authntest.Key
		opts []authntest.TokenOption
		pass bool
	}{
		{name: "J3_key_says_RS256_token_RS512", key: signAs("RS512")},
		{name: "J3_key_says_RS256_token_PS256", key: signAs("PS256")},
		{name: "J3_listed_for_nobody_RS384", key: signAs("RS384")},
		{name: "J3_curve_P384_token_ES256", key: p384, opts: []authntest.TokenOption{authntest.Header("alg", "ES256")}},
		{name: "key_without_alg_verifies_what_the_issuer_lists", key: open, pass: true},
		{name: "J3_key_without_alg_and_unlisted_alg", key: func() *authntest.Key { k := *open; k.Alg = "PS512"; return &k }()},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			token := idp.Token(t, nil, append([]authntest.TokenOption{authntest.SignedBy(tt.key)}, tt.opts...)...)
			if tt.pass {
				mustPass(t, s, token)
				return
			}
			mustFail(t, s, token, authn.ErrRejected)
		})
	}
}

// TestUnusableKeys: a key of the set that must not verify anything is skipped, while the others work
// (specs J21).
func TestUnusableKeys(t *testing.T) {
	t.Parallel()
	with := func(k *authntest.Key, members ...any) *authntest.Key {
		for n := 0; n < len(members); n += 2 {
			k.JWK[members[n].(string)] = members[n+1]
		}
		return k
	}
	number := func(n *big.Int) string { return base64.RawURLEncoding.EncodeToString(n.Bytes()) }
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	ec := func() *authntest.Key { return authntest.NewKey(t, "ES256", "bad") }
	strong := authntest.NewKey(t, "RS256", "bad")
	copyOf := func(k *authntest.Key) *authntest.Key {
		c := *k
		c.JWK = map[string]any{}
		for name, v := range k.JWK {
			c.JWK[name] = v
		}
		return &c
	}
	n := strong.Public().(*rsa.PublicKey).N
	for _, tt := range []struct {
		name string
		key  *authntest.Key
	}{
		{"J21_rsa_1024", authntest.KeyOf(t, weak, "RS256", "bad")},
		{"J21_rsa_even_modulus", with(copyOf(strong), "n", number(new(big.Int).Add(n, big.NewInt(1))))},
		{"J21_rsa_too_long", with(copyOf(strong), "n", number(new(big.Int).SetBit(n, 8200, 1)))},
		{"J21_rsa_e_1", with(copyOf(strong), "e", "AQ")},
		{"J21_rsa_e_even", with(copyOf(strong), "e", "AAQ")},
		{"J21_rsa_e_0", with(copyOf(strong), "e", "AA")},
		{"J21_rsa_e_huge", with(copyOf(strong), "e", number(new(big.Int).Lsh(big.NewInt(1), 80)))},
		{"J21_rsa_e_3_in_the_low_64_bits", with(copyOf(strong), "e", number(new(big.Int).SetBit(big.NewInt(65537), 64, 1)))},
		{"J21_ec_not_on_curve", with(ec(), "y", number(big.NewInt(5)))},
		{"J21_ec_not_on_curve_full_length", with(ec(), "y", base64.RawURLEncoding.EncodeToString(append(make([]byte, 31), 7)))},
		{"J21_ec_infinity", with(ec(), "x", base64.RawURLEncoding.EncodeToString(make([]byte, 32)), "y", base64.RawURLEncoding.EncodeToString(make([]byte, 32)))},
		{"J21_use_enc", with(ec(), "use", "enc")},
		{"J21_key_ops_without_verify", with(ec(), "key_ops", []string{"encrypt", "sign"})},
		{"J21_key_ops_empty", with(ec(), "key_ops", []string{})},
		{"J21_alg_of_encryption", with(ec(), "alg", "ECDH-ES")},
		{"J21_alg_of_other_case", with(ec(), "alg", "es256")},
		{"J21_private_part_published", with(ec(), "d", "AAAA")},
		{"J21_kty_of_other_type", with(ec(), "kty", "RSA")},
		{"J21_kid_number", with(ec(), "kid", 5)},
		{"J21_curve_p224", with(ec(), "crv", "P-224")},
		{"J21_ed25519_short", with(authntest.NewKey(t, "EdDSA", "bad"), "x", "AAAA")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			idp := authntest.New(t, authntest.WithAlg("ES256"))
			idp.Publish(tt.key)
			i := newIssuer(t, idp, func(c *authn.IssuerConfig) { c.Algorithms = []string{"ES256", "RS256", "EdDSA"} })
			s := newIssuers(t, i)
			mustFail(t, s, idp.Token(t, nil, authntest.SignedBy(tt.key)), authn.ErrRejected)
			mustPass(t, s, idp.Token(t, nil))
			if keys := i.Status().Keys; len(keys) != 1 || keys[0].KeyID != "key-1" {
				t.Errorf("got keys %v, want key-1 only", keys)
			}
		})
	}
	t.Run("J21_oct_key", func(t *testing.T) {
		t.Parallel()
		idp := authntest.New(t, authntest.WithAlg("ES256"))
		k := authntest.HMACKey([]byte("a secret everybody can read here"), "bad")
		idp.Publish(k)
		s := newIssuers(t, newIssuer(t, idp))
		mustFail(t, s, idp.Token(t, nil, authntest.SignedBy(k)), authn.ErrRejected)
		mustPass(t, s, idp.Token(t, nil))
	})
	t.Run("same_kid_different_keys_both_skipped", func(t *testing.T) {
		t.Parallel()
		idp := authntest.New(t, authntest.WithAlg("ES256"))
		one, two := authntest.NewKey(t, "ES256", "twin"), authntest.NewKey(t, "ES256", "twin")
		idp.Publish(one)
		idp.Publish(two)
		s := newIssuers(t, newIssuer(t, idp))
		for _, k := range []*authntest.Key{one, two} {
			mustFail(t, s, idp.Token(t, nil, authntest.SignedBy(k)), authn.ErrRejected)
		}
		mustPass(t, s, idp.Token(t, nil))
	})
	t.Run("same_kid_same_key_is_one", func(t *testing.T) {
		t.Parallel()
		idp := authntest.New(t, authntest.WithAlg("ES256"))
		idp.Publish(idp.SigningKey())
		mustPass(t, newIssuers(t, newIssuer(t, idp)), idp.Token(t, nil))
	})
}

// TestEveryAlgorithm signs and verifies once by each supported algorithm.
func TestEveryAlgorithm(t *testing.T) {
	t.Parallel()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for _, alg := range []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"} {
		t.Run(alg, func(t *testing.T) {
			t.Parallel()
			k := authntest.KeyOf(t, rsaKey, alg, "key-1")
			if alg[1] != 'S' || alg[0] == 'E' {
				k = authntest.NewKey(t, alg, "key-1")
			}
			idp := authntest.New(t, authntest.WithKey(k))
			mustPass(t, newIssuers(t, newIssuer(t, idp)), idp.Token(t, nil))
		})
	}
	t.Run("ES256_only_by_its_curve", func(t *testing.T) {
		t.Parallel()
		p521, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		k := authntest.KeyOf(t, p521, "ES256", "key-1") // lies about its algorithm
		idp := authntest.New(t, authntest.WithKey(k))
		mustFail(t, newIssuers(t, newIssuer(t, idp)), idp.Token(t, nil), authn.ErrUnavailable)
	})
}
