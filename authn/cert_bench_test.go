package authn_test

import (
	"math/big"
	"testing"
	"time"

	"github.com/authgate/authgate/authn/authntest"
)

// BenchmarkClientCerts is a certificate behind an intermediate, with a list of a hundred thousand entries.
// Warm is every request of a connection but the first, cold the first one after the cache has forgotten it.
func BenchmarkClientCerts(b *testing.B) {
	ca := authntest.NewCA(b)
	below := ca.Intermediate(b)
	for n := range 100_000 {
		below.Revoke(new(big.Int).Lsh(big.NewInt(int64(n+1)), 80))
	}
	c := newClientCerts(b, ca)
	state := handshake(b, below.Issue(b, authntest.CertSpec{}))
	mustTrust(b, c, state)
	check := func(b *testing.B) {
		if _, err := c.Check(b.Context(), state, remote); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("warm", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			check(b)
		}
	})
	b.Run("warm_parallel", func(b *testing.B) {
		ctx := b.Context()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := c.Check(ctx, state, remote); err != nil {
					b.Error(err)
					return
				}
			}
		})
	})
	b.Run("cold", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			b.StopTimer()
			fresh := newClientCerts(b, ca, skipChecks)
			b.StartTimer()
			if _, err := fresh.Check(b.Context(), state, remote); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkCRL fetches and parses a list of a hundred thousand entries.
func BenchmarkCRL(b *testing.B) {
	ca := authntest.NewCA(b)
	for n := range 100_000 {
		ca.Revoke(new(big.Int).Lsh(big.NewInt(int64(n+1)), 80))
	}
	der, err := ca.CRL()
	if err != nil {
		b.Fatal(err)
	}
	ca.SetCRLFault(authntest.CRLFault{Body: der, NextUpdate: time.Hour})
	state := handshake(b, ca.Issue(b, authntest.CertSpec{}))
	b.SetBytes(int64(len(der)))
	b.ReportAllocs()
	for b.Loop() {
		c := newClientCerts(b, ca)
		if _, err := c.Check(b.Context(), state, remote); err != nil {
			b.Fatal(err)
		}
	}
}
