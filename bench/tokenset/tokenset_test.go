package tokenset_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/authgate/authgate/bench/tokenset"
)

const issuer = "http://127.0.0.1:1"

func TestTokensAreDistinctAndSigned(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	keys, err := tokenset.LoadKeys(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, alg := range []string{tokenset.RS256, tokenset.ES256} {
		t.Run(alg, func(t *testing.T) {
			t.Parallel()
			set, err := keys.Load(dir, alg, issuer, 20)
			if err != nil {
				t.Fatal(err)
			}
			tokens, err := set.Tokens()
			if err != nil {
				t.Fatal(err)
			}
			all := append(slices.Clone(tokens), set.Spare)
			if distinct := slices.Compact(slices.Sorted(slices.Values(all))); len(distinct) != 21 {
				t.Errorf("%d distinct tokens, want 20 and a spare", len(distinct))
			}
			for _, token := range all {
				if !signed(t, keys.PublicPEM(alg), token) {
					t.Fatalf("not signed by the published key: %s", token)
				}
			}
			if set.Forged == set.Spare || signed(t, keys.PublicPEM(alg), set.Forged) {
				t.Error("the forged token has a good signature")
			}
			if n := len(claims(t, set.Spare)); n != 8 {
				t.Errorf("%d claims, want 8", n)
			}
		})
	}
}

// A second run must present the very tokens the first one made.
func TestLoadKeepsSets(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	read := func(issuer string) string {
		keys, err := tokenset.LoadKeys(dir)
		if err != nil {
			t.Fatal(err)
		}
		set, err := keys.Load(dir, tokenset.ES256, issuer, 3)
		if err != nil {
			t.Fatal(err)
		}
		tokens, err := set.Tokens()
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(tokens, "\n")
	}
	first := read(issuer)
	if read(issuer) != first {
		t.Error("the set was made again")
	}
	if other := read("http://127.0.0.1:2"); other == first {
		t.Error("another issuer was given the same tokens")
	}
}

func signed(t *testing.T, pubFile, token string) bool {
	t.Helper()
	raw, err := os.ReadFile(pubFile)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(raw)
	pub, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	i := strings.LastIndexByte(token, '.')
	sig, err := base64.RawURLEncoding.DecodeString(token[i+1:])
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256([]byte(token[:i]))
	switch pub := pub.(type) {
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(pub, crypto.SHA256, digest[:], sig) == nil
	case *ecdsa.PublicKey:
		return ecdsa.Verify(pub, digest[:], new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:]))
	}
	t.Fatalf("a %T", pub)
	return false
}

func claims(t *testing.T, token string) map[string]any {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}
