package token_test

import (
	"testing"
	"time"

	"github.com/authgate/authgate/token"
)

func BenchmarkVerify(b *testing.B) {
	for _, alg := range token.Algs() {
		b.Run(string(alg), func(b *testing.B) {
			c := newClock()
			k := replica(b, memory(b), c, func(cfg *token.Config) { cfg.Alg = alg })
			raw := mint(b, k, c)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := k.Verify(b.Context(), raw); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
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
