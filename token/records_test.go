package token_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/store"
	"github.com/authgate/authgate/store/seal"
	"github.com/authgate/authgate/token"
)

// pkcs8 is a private key as the record has it.
func pkcs8(t *testing.T, key crypto.PrivateKey, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(der)
}

// TestD5_J21_Records: a record that holds what this program would not write is of no use as a whole: what is
// asked of the keys cannot be told, nothing panics, and other issuers' tokens are still not ours.
func TestD5_J21_Records(t *testing.T) {
	t.Parallel()
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ec := pkcs8(t, p256, err)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	ec384 := pkcs8(t, p384, err)
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	ed25 := pkcs8(t, ed, err)
	point, err := x509.MarshalPKIXPublicKey(p256.Public())
	if err != nil {
		t.Fatal(err)
	}
	point[len(point)-1] ^= 1
	key := func(id, alg, more string) string {
		return `{"id":"` + id + `","alg":"` + alg + `","created_on":"2030-01-02T03:04:05Z","signs_from":"2030-01-02T03:04:05Z",` + more + `}`
	}
	id := func(n int) string { return fmt.Sprintf("ag-%016x", n) }
	set := func(keys ...string) string { return `{"v":1,"keys":[` + strings.Join(keys, ",") + `]}` }
	public := func(der string) string { return `"public":"` + der + `"` }
	private := func(der string) string { return `"private":"` + der + `"` }
	good := key(id(1), "ES256", private(ec))
	good2 := key(id(2), "ES256", private(ec))
	var many []string
	for n := range 33 {
		many = append(many, key(id(n), "ES256", private(ec)))
	}
	for name, tt := range map[string]struct {
		data string
		ok   bool
	}{
		"good":              {set(good), true},
		"as_many_as_may":    {set(many[:32]...), true},
		"public_part":       {set(key(id(1), "ES256", public(pkix(t, p256.Public()))), key(id(2), "ES256", private(ec))), true},
		"garbage":           {"\x00\xff", false},
		"empty":             {"", false},
		"null":              {"null", false},
		"no_keys":           {set(), false},
		"null_key":          {set("null"), false},
		"too_many":          {set(many...), false},
		"another_version":   {strings.Replace(set(good), `"v":1`, `"v":2`, 1), false},
		"no_version":        {`{"keys":[` + good + `]}`, false},
		"unknown_member":    {strings.Replace(set(good), `"v":1`, `"v":1,"x":0`, 1), false},
		"J15_duplicate":     {strings.Replace(set(good), `"v":1`, `"v":1,"v":1`, 1), false},
		"two_of_one_id":     {set(good, key(id(1), "EdDSA", private(ed25))), false},
		"strange_id":        {set(key("../x", "ES256", private(ec))), false},
		"J3_other_alg":      {set(key(id(1), "EdDSA", private(ec))), false},
		"J2_HS256":          {set(key(id(1), "HS256", private(ec))), false},
		"J1_none":           {set(key(id(1), "none", private(ec))), false},
		"J21_P384":          {set(key(id(1), "ES256", private(ec384))), false},
		"J21_RSA_1024":      {set(key(id(1), "RS256", public(rsaKey(t, 1024, 1<<16+1)))), false},
		"J21_RSA_e_1":       {set(key(id(1), "RS256", public(rsaKey(t, 2048, 1)))), false},
		"J21_off_curve":     {set(key(id(1), "ES256", public(base64.StdEncoding.EncodeToString(point)))), false},
		"RSA_public":        {set(key(id(1), "RS256", public(rsaKey(t, 2048, 1<<16+1))), good2), true},
		"J21_not_a_key":     {set(key(id(1), "ES256", private("AAAA"))), false},
		"no_key_material":   {set(key(id(1), "ES256", `"private":null`)), false},
		"both_parts":        {set(key(id(1), "ES256", private(ec)+`,`+public(pkix(t, p256.Public())))), false},
		"public_not_a_key":  {set(key(id(1), "ES256", public("AAAA"))), false},
		"signs_before_made": {strings.Replace(set(good), `"signs_from":"2030`, `"signs_from":"2029`, 1), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, c := memory(t), newClock()
			writeRecord(t, s, tt.data)
			k := replica(t, s, c)
			forged := storedKey{ID: id(1), Alg: "ES256", signer: p256}
			if name == "RSA_public" {
				forged.ID = id(2)
			}
			raw := forged.sign(t, forged.header(), payload(c.now()))
			ctx := t.Context()
			if tt.ok {
				if _, err := k.Verify(ctx, raw); err != nil {
					t.Fatal(err)
				}
				return
			}
			_, verifyErr := k.Verify(ctx, raw)
			_, mintErr := k.Mint(ctx, token.Claims{Expiry: c.now().Add(time.Minute)})
			_, jwksErr := k.JWKS(ctx)
			_, _, listErr := k.List(ctx)
			_, rotateErr := k.Rotate(ctx)
			for what, err := range map[string]error{
				"Verify": verifyErr, "Mint": mintErr, "JWKS": jwksErr, "List": listErr, "Rotate": rotateErr,
				"Revoke": k.Revoke(ctx, id(1)), "Maintain": k.Maintain(ctx), "CheckKey": k.CheckKey(ctx, id(1)),
			} {
				if !errors.Is(err, token.ErrUnavailable) || !fault.Is(err, fault.Unavailable) {
					t.Errorf("%s: %v", what, err)
				} else if strings.Contains(err.Error(), ec[:20]) {
					t.Errorf("%s shows what the record holds: %v", what, err)
				}
			}
			if _, err := k.Verify(ctx, strings.Replace(raw, ".", ".e30", 1)); !errors.Is(err, token.ErrNotOurs) {
				t.Errorf("a stranger's token: %v", err)
			}
		})
	}
}

// rsaKey is the public part of an RSA key, which need not have a private one.
func rsaKey(t *testing.T, bits uint, exponent int) string {
	t.Helper()
	n := new(big.Int).Lsh(big.NewInt(1), bits-1)
	return pkix(t, &rsa.PublicKey{N: n.Add(n, big.NewInt(1)), E: exponent})
}

// pkix is a public key as the record has it.
func pkix(t *testing.T, key crypto.PublicKey) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(der)
}

// TestBrokenWhileRunning: a record that breaks under a running gateway is noticed, and healed by what was
// there before.
func TestBrokenWhileRunning(t *testing.T) {
	t.Parallel()
	s, c := memory(t), newClock()
	k := replica(t, s, c)
	raw := mint(t, k, c)
	kv, _, err := s.Get(t.Context(), recordKey)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		value []byte
		want  error
	}{{[]byte("x"), token.ErrUnavailable}, {kv.Value, nil}} {
		if _, err := s.Txn(t.Context(), nil, []store.Op{{Key: recordKey, Value: step.value}}); err != nil {
			t.Fatal(err)
		}
		limit := time.After(10 * time.Second)
		for {
			_, err := k.Verify(t.Context(), raw)
			if errors.Is(err, step.want) {
				break
			}
			select {
			case <-time.After(time.Millisecond):
			case <-limit:
				t.Fatalf("got %v, want %v", err, step.want)
			}
		}
	}
}

// TestX13_SecretsDoNotPrint: no log, no error and no form of printing shows a key or a token.
func TestX13_SecretsDoNotPrint(t *testing.T) {
	t.Parallel()
	for _, alg := range token.Algs() {
		t.Run(string(alg), func(t *testing.T) {
			t.Parallel()
			var out syncBuffer
			log := zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), &out, zap.DebugLevel))
			s, c := memory(t), newClock()
			feed := store.NewFeed(s, store.FeedConfig{Logger: log})
			rec := token.NewRecords(s, feed)
			ctx, cancel := context.WithCancel(t.Context())
			var running sync.WaitGroup
			running.Go(func() { _ = feed.Run(ctx) })
			defer running.Wait()
			defer cancel()
			k, err := token.New(rec, token.Config{Issuer: issuer, Alg: alg}, token.Deps{Now: c.now, Logger: log})
			if err != nil {
				t.Fatal(err)
			}
			minted, err := k.Mint(ctx, token.Claims{Subject: "hidden-subject", Expiry: c.now().Add(time.Minute)})
			if err != nil {
				t.Fatal(err)
			}
			info, err := k.Rotate(ctx)
			if err != nil {
				t.Fatal(err)
			}
			_, conflict := k.Rotate(ctx)
			keys, _, err := k.List(ctx)
			if err != nil {
				t.Fatal(err)
			}
			jwks, err := k.JWKS(ctx)
			if err != nil {
				t.Fatal(err)
			}
			signers := storedKeys(t, s)
			_, expired := k.Verify(ctx, minted.Reveal()+"A")
			if err := k.Revoke(ctx, keys[0].ID); err != nil {
				t.Fatal(err)
			}
			_, revoked := k.Verify(ctx, minted.Reveal())
			fmt.Fprintf(&out, "%s %v %+v %#v %s\n", minted, minted, minted, minted, jwks)
			for _, v := range []any{k, *rec, rec, info, keys, conflict, expired, revoked} {
				fmt.Fprintf(&out, "%v %+v %#v %x %s\n", v, v, v, v, v)
			}
			text := out.String()
			parts := strings.Split(minted.Reveal(), ".")
			secrets := map[string]string{"payload": parts[1], "signature": parts[2], "claim": "hidden-subject", "private": `"d"`}
			for i, key := range signers {
				part := key.Private[len(key.Private)-24:] // the end of PKCS #8 has no public part in EdDSA and RSA
				if alg == token.ES256 {
					private, err := key.signer.(*ecdsa.PrivateKey).Bytes()
					if err != nil {
						t.Fatal(err)
					}
					part = private
					secrets[fmt.Sprint("number ", i)] = new(big.Int).SetBytes(private).String() // as fmt would print it
				}
				secrets[fmt.Sprint("hex ", i)] = fmt.Sprintf("%x", part)
				secrets[fmt.Sprint("list ", i)] = strings.Trim(fmt.Sprint(part[:8]), "[]")
				whole := base64.StdEncoding.EncodeToString(key.Private)
				if secrets[fmt.Sprint("base64 ", i)] = whole[48:62]; alg == token.RS256 { // where others have the private part it has the modulus
					secrets[fmt.Sprint("base64 ", i)] = whole[len(whole)-24 : len(whole)-4]
				}
			}
			for what, s := range secrets {
				if strings.Contains(text, s) {
					t.Errorf("%s shows in\n%s", what, text)
				}
			}
			for _, id := range []string{info.ID, keys[0].ID} {
				if !strings.Contains(text, `"kid":"`+id) {
					t.Errorf("the log does not tell of key %s", id)
				}
			}
		})
	}
}

type syncBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *syncBuffer) Sync() error { return nil }

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}

// TestSealed: over an encrypting store the record shows nothing, and works.
func TestSealed(t *testing.T) {
	t.Parallel()
	key, err := seal.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	ring, err := seal.NewKeyring(key)
	if err != nil {
		t.Fatal(err)
	}
	m, c := memory(t), newClock()
	s := seal.Wrap(m, seal.Config{Prefix: "/authgate/", Keys: ring})
	one, two := replica(t, s, c), replica(t, s, c)
	raw := mint(t, one, c)
	if _, err := two.Verify(t.Context(), raw); err != nil {
		t.Fatal(err)
	}
	kv, _, err := m.Get(t.Context(), recordKey)
	if err != nil || kv.Revision == 0 {
		t.Fatal(kv.Revision, err)
	}
	for _, word := range []string{"private", "ES256", list(t, one)[0].ID} {
		if bytes.Contains(kv.Value, []byte(word)) {
			t.Errorf("the stored record shows %q", word)
		}
	}
}

// FuzzRecord: whatever the record holds, nothing panics, and a set that is taken can be used.
func FuzzRecord(f *testing.F) {
	s, c := memory(f), newClock()
	mint(f, replica(f, s, c), c)
	kv, _, err := s.Get(f.Context(), recordKey)
	if err != nil {
		f.Fatal(err)
	}
	_, data, _ := bytes.Cut(kv.Value, []byte{'\n'})
	f.Add(string(data))
	f.Add(`{"v":1,"keys":[{"id":"ag-0000000000000000","alg":"RS256"}]}`)
	f.Fuzz(func(t *testing.T, data string) {
		s := memory(t)
		writeRecord(t, s, data)
		k := replica(t, s, newClock())
		keys, _, err := k.List(t.Context())
		if err != nil {
			if !errors.Is(err, token.ErrUnavailable) {
				t.Fatal(err)
			}
			return
		}
		if jwks, err := k.JWKS(t.Context()); len(keys) == 0 || err != nil || !json.Valid(jwks) {
			t.Fatalf("%d keys, %s, %v", len(keys), jwks, err)
		}
	})
}
