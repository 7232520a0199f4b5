package token_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"github.com/authgate/authgate/store"
)

const recordKey = "signing-keys/r/current"

// storedKey is a key as it lies in the store.
type storedKey struct {
	ID      string `json:"id"`
	Alg     string `json:"alg"`
	Private []byte `json:"private"`

	signer crypto.Signer
}

// Public returns the public part.
func (k storedKey) Public() crypto.PublicKey { return k.signer.Public() }

// sign makes a token of any form with a key of the gateway's own.
func (k storedKey) sign(tb testing.TB, header, payload string) string {
	tb.Helper()
	signed := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(payload))
	signature, err := jwt.GetSigningMethod(k.Alg).Sign(signed, k.signer)
	if err != nil {
		tb.Fatal(err)
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func (k storedKey) header() string { return `{"alg":"` + k.Alg + `","kid":"` + k.ID + `","typ":"JWT"}` }

// storedKeys reads the keys past the package, as somebody could who has stolen the store.
func storedKeys(tb testing.TB, s store.Store) []storedKey {
	tb.Helper()
	kv, _, err := s.Get(tb.Context(), recordKey)
	if err != nil {
		tb.Fatal(err)
	}
	_, data, _ := bytes.Cut(kv.Value, []byte{'\n'})
	var record struct {
		Keys []storedKey `json:"keys"`
	}
	if err := json.Unmarshal(data, &record); err != nil {
		tb.Fatal(err)
	}
	for i, k := range record.Keys {
		if k.Private == nil {
			continue
		}
		parsed, err := x509.ParsePKCS8PrivateKey(k.Private)
		if err != nil {
			tb.Fatal(err)
		}
		record.Keys[i].signer = parsed.(crypto.Signer)
	}
	return record.Keys
}

// writeRecord replaces the data of the record.
func writeRecord(tb testing.TB, s store.Store, data string) {
	tb.Helper()
	kv, _, err := s.Get(tb.Context(), recordKey)
	if err != nil {
		tb.Fatal(err)
	}
	header := []byte(`{"v":1}`)
	if kv.Revision != 0 {
		header, _, _ = bytes.Cut(kv.Value, []byte{'\n'})
	}
	value := append(append(bytes.Clone(header), '\n'), data...)
	if _, err := s.Txn(tb.Context(), nil, []store.Op{{Key: recordKey, Value: value}}); err != nil {
		tb.Fatal(err)
	}
}

// strangersKey is a key that is not in the store and has an id like ours.
func strangersKey(tb testing.TB) storedKey {
	tb.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return storedKey{ID: "ag-0123456789abcdef", Alg: "ES256", signer: private}
}
