package authn_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/authgate/authgate/authn"
	"github.com/authgate/authgate/authn/authntest"
)

// eightClaims make a typical token: iss, sub, aud, iat, exp come from the issuer.
func eightClaims(n int) map[string]any {
	return map[string]any{
		"sub": fmt.Sprintf("user-%06d", n), "jti": fmt.Sprintf("0198c1e2-7b5a-7cc3-98f4-%012d", n),
		"name": "Someone at Example", "roles": []string{"Deployer"},
	}
}

func BenchmarkCold(b *testing.B) {
	for _, alg := range []string{"RS256", "ES256", "EdDSA"} {
		b.Run(alg, func(b *testing.B) {
			idp := authntest.New(b, authntest.WithAlg(alg))
			s, err := authn.NewIssuers([]*authn.Issuer{newIssuer(b, idp)}, nil)
			if err != nil {
				b.Fatal(err)
			}
			c := bearer(idp.Token(b, eightClaims(1)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Authenticate(b.Context(), c); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkBare is what the signature alone costs, the floor under BenchmarkCold.
func BenchmarkBare(b *testing.B) {
	message := []byte(strings.Repeat("x", 600))
	digest := sha256.Sum256(message)
	for _, alg := range []string{"RS256", "ES256", "EdDSA"} {
		b.Run(alg, func(b *testing.B) {
			var verify func() bool
			switch alg {
			case "RS256":
				k, err := rsa.GenerateKey(rand.Reader, 2048)
				if err != nil {
					b.Fatal(err)
				}
				sig, err := rsa.SignPKCS1v15(rand.Reader, k, crypto.SHA256, digest[:])
				if err != nil {
					b.Fatal(err)
				}
				verify = func() bool { return rsa.VerifyPKCS1v15(&k.PublicKey, crypto.SHA256, digest[:], sig) == nil }
			case "ES256":
				k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
				if err != nil {
					b.Fatal(err)
				}
				r, s, err := ecdsa.Sign(rand.Reader, k, digest[:])
				if err != nil {
					b.Fatal(err)
				}
				verify = func() bool { return ecdsa.Verify(&k.PublicKey, digest[:], r, s) }
			case "EdDSA":
				pub, k, err := ed25519.GenerateKey(rand.Reader)
				if err != nil {
					b.Fatal(err)
				}
				sig := ed25519.Sign(k, message)
				verify = func() bool { return ed25519.Verify(pub, message, sig) }
			}
			b.ReportAllocs()
			for b.Loop() {
				if !verify() {
					b.Fatal("the signature does not verify")
				}
			}
		})
	}
}

func BenchmarkWarm(b *testing.B) {
	idp := authntest.New(b)
	s := newIssuers(b, newIssuer(b, idp))
	c := bearer(idp.Token(b, eightClaims(1)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Authenticate(b.Context(), c); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWarmParallel(b *testing.B) {
	idp := authntest.New(b)
	s := newIssuers(b, newIssuer(b, idp))
	var creds []authn.Credential
	for n := range 64 {
		creds = append(creds, bearer(idp.Token(b, eightClaims(n))))
	}
	ctx := b.Context()
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for n := 0; pb.Next(); n++ {
			if _, err := s.Authenticate(ctx, creds[n%len(creds)]); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// BenchmarkCacheMemory reports the bytes one cached token of eight claims costs.
func BenchmarkCacheMemory(b *testing.B) {
	const tokens = 2000
	idp := authntest.New(b, authntest.WithAlg("EdDSA"))
	i := newIssuer(b, idp)
	creds := make([]authn.Credential, tokens)
	for n := range creds {
		creds[n] = bearer(idp.Token(b, eightClaims(n)))
	}
	for b.Loop() {
		cache := authn.NewTokenCache(tokens * 2)
		s, err := authn.NewIssuers([]*authn.Issuer{i}, cache)
		if err != nil {
			b.Fatal(err)
		}
		before := heap()
		for _, c := range creds {
			if _, err := s.Authenticate(b.Context(), c); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(heap()-before)/tokens, "B/token")
		runtime.KeepAlive(cache)
	}
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// BenchmarkFederated is what an exchange pays for its ID token, the choice of the issuer included.
func BenchmarkFederated(b *testing.B) {
	for _, alg := range []string{"RS256", "ES256", "EdDSA"} {
		b.Run(alg, func(b *testing.B) {
			f := newFederation(b, alg)
			token := f.Token(b, eightClaims(1))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := authn.UnverifiedIssuer(token); err != nil {
					b.Fatal(err)
				}
				if _, err := f.fed.Verify(b.Context(), token); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkUnverifiedIssuer(b *testing.B) {
	idp := authntest.New(b)
	token := idp.Token(b, eightClaims(1))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := authn.UnverifiedIssuer(token); err != nil {
			b.Fatal(err)
		}
	}
}
