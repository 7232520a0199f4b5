package token

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/authgate/authgate/internal/strictjson"
)

const (
	recordVersion = 1
	recordDepth   = 4
)

var errRecord = errors.New("the record of the signing keys cannot be read")

type keySetRecord struct {
	V    int         `json:"v"`
	Keys []keyRecord `json:"keys"`
}

type keyRecord struct {
	ID            string    `json:"id"`
	Alg           Alg       `json:"alg"`
	CreatedOn     time.Time `json:"created_on"`
	SignsFrom     time.Time `json:"signs_from"`
	SignsUntil    time.Time `json:"signs_until,omitzero"`
	VerifiesUntil time.Time `json:"verifies_until,omitzero"`
	Private       []byte    `json:"private"` // PKCS #8
}

func encodeKeySet(s *keySet) ([]byte, error) {
	r := keySetRecord{V: recordVersion, Keys: make([]keyRecord, 0, len(s.keys))}
	for _, k := range s.keys {
		private, err := x509.MarshalPKCS8PrivateKey(k.private)
		if err != nil {
			return nil, errors.New("a signing key cannot be written") // the cause could hold the key
		}
		r.Keys = append(r.Keys, keyRecord{
			ID: k.id, Alg: k.alg, CreatedOn: k.createdOn.UTC(), SignsFrom: k.signsFrom.UTC(),
			SignsUntil: k.signsUntil.UTC(), VerifiesUntil: k.verifiesUntil.UTC(), Private: private,
		})
	}
	return json.Marshal(r)
}

// decodeKeySet reads the record strictly: a set of which a part cannot be told could refuse good tokens or
// take bad ones, so it is no use at all (specs D5). Its errors hold nothing of the content.
func decodeKeySet(_ string, data []byte) (*keySet, error) {
	if strictjson.Check(data, recordDepth) != nil {
		return nil, errRecord
	}
	var r keySetRecord
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if d.Decode(&r) != nil || r.V != recordVersion || len(r.Keys) > maxKeys {
		return nil, errRecord
	}
	s := &keySet{keys: make([]*signingKey, 0, len(r.Keys))}
	for i, k := range r.Keys {
		key, err := k.load()
		if err != nil || s.find(k.ID) != nil {
			return nil, fmt.Errorf("%w: key %d", errRecord, i+1)
		}
		s.keys = append(s.keys, key)
	}
	slices.SortStableFunc(s.keys, func(a, b *signingKey) int { return a.signsFrom.Compare(b.signsFrom) })
	return s, nil
}

func (r keyRecord) load() (*signingKey, error) {
	method, err := r.Alg.method()
	if err != nil || !isKeyID(r.ID) {
		return nil, errRecord
	}
	parsed, err := x509.ParsePKCS8PrivateKey(r.Private)
	if err != nil {
		return nil, errRecord
	}
	private, ok := parsed.(crypto.Signer)
	if !ok || !r.Alg.fits(private) || r.SignsUntil.IsZero() != r.VerifiesUntil.IsZero() || r.VerifiesUntil.Before(r.SignsUntil) {
		return nil, errRecord
	}
	return &signingKey{
		id: r.ID, alg: r.Alg, createdOn: r.CreatedOn, signsFrom: r.SignsFrom, signsUntil: r.SignsUntil, verifiesUntil: r.VerifiesUntil,
		private: private, method: method,
	}, nil
}
