package token_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/authgate/authgate/token"
)

func BenchmarkVerify(b *testing.B) {
	for _, alg := range token.Algs() {
		b.Run(string(alg), func(b *testing.B) {
			c := newClock()
			k := replica(b, memory(b), c, func(cfg *token.Config) { cfg.Alg = alg })
			raw := typical(b, k, c)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := k.Verify(b.Context(), raw); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkBare is what the signature alone costs, the floor under BenchmarkVerify.
func BenchmarkBare(b *testing.B) {
	for _, alg := range token.Algs() {
		b.Run(string(alg), func(b *testing.B) {
			c := newClock()
			s := memory(b)
			k := replica(b, s, c, func(cfg *token.Config) { cfg.Alg = alg })
			raw := typical(b, k, c)
			message, public := raw[:strings.LastIndexByte(raw, '.')], storedKeys(b, s)[0].Public()
			signature, err := base64.RawURLEncoding.DecodeString(raw[len(message)+1:])
			if err != nil {
				b.Fatal(err)
			}
			r, z := new(big.Int), new(big.Int)
			if alg == token.ES256 {
				r.SetBytes(signature[:32])
				z.SetBytes(signature[32:])
			}
			b.ReportAllocs()
			for b.Loop() {
				ok := false
				switch public := public.(type) {
				case *ecdsa.PublicKey:
					digest := sha256.Sum256([]byte(message))
					ok = ecdsa.Verify(public, digest[:], r, z)
				case ed25519.PublicKey:
					ok = ed25519.Verify(public, []byte(message), signature)
				case *rsa.PublicKey:
					digest := sha256.Sum256([]byte(message))
					ok = rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], signature) == nil
				}
				if !ok {
					b.Fatal("the signature does not verify")
				}
			}
		})
	}
}

// BenchmarkForeign is what a token of another issuer costs before somebody else is asked.
func BenchmarkForeign(b *testing.B) {
	c := newClock()
	k := replica(b, memory(b), c)
	mint(b, k, c)
	other := replica(b, memory(b), c, func(cfg *token.Config) { cfg.Issuer = "https://other.example" })
	raw := typical(b, other, c)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.Verify(b.Context(), raw); !errors.Is(err, token.ErrNotOurs) {
			b.Fatal(err)
		}
	}
}

// typical is a token with the claims of a workflow in it.
func typical(b *testing.B, k *token.Keys, c *clock) string {
	b.Helper()
	return mintClaims(b, k, token.Claims{
		Audience: []string{"80c053c2-24a7-4b97-bd69-85b3a511241e"}, Subject: "repo:acme/app:ref:refs/heads/main", Name: "acme/app",
		Expiry: c.now().Add(time.Hour),
		Extra: map[string]json.RawMessage{"claims": json.RawMessage(`{"sub":["repo:acme/app:ref:refs/heads/main"],"aud":["https://gate.example"],` +
			`"repository":["acme/app"],"repository_owner":["acme"],"ref":["refs/heads/main"],"workflow":["deploy"],"actor":["somebody"]}`)},
	})
}

func BenchmarkMint(b *testing.B) {
	for _, alg := range token.Algs() {
		b.Run(string(alg), func(b *testing.B) {
			c := newClock()
			k := replica(b, memory(b), c, func(cfg *token.Config) { cfg.Alg = alg })
			expiry := c.now().Add(time.Hour)
			mint(b, k, c) // makes the key
			b.ReportAllocs()
			for b.Loop() {
				if _, err := k.Mint(b.Context(), token.Claims{Subject: "robot", Expiry: expiry}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
