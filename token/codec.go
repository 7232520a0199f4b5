package token

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/authgate/authgate/internal/strictjson"
)

// recordVersion is the only version of the record so far.
const (
	recordVersion = 1
	recordDepth   = 4
)

var errRecord = errors.New("the record of the signing keys cannot be read")

type keySetRecord struct {
	V    int         `json:"v"`
	Keys []keyRecord `json:"keys"`
}

// keyRecord has either the whole key or, once it signs no more, only its public part.
type keyRecord struct {
	ID        string    `json:"id"`
	Alg       Alg       `json:"alg"`
	CreatedOn time.Time `json:"created_on"`
	SignsFrom time.Time `json:"signs_from"`
	Private   []byte    `json:"private,omitempty"` // PKCS #8
	Public    []byte    `json:"public,omitempty"`  // PKIX
}

func encodeKeySet(s *keySet) ([]byte, error) {
	r := keySetRecord{V: recordVersion, Keys: make([]keyRecord, 0, len(s.keys))}
	for _, k := range s.keys {
		stored := keyRecord{ID: k.id, Alg: k.alg, CreatedOn: k.createdOn.UTC(), SignsFrom: k.signsFrom.UTC()}
		var err error
		if k.private != nil {
			stored.Private, err = x509.MarshalPKCS8PrivateKey(k.private)
		} else {
			stored.Public, err = x509.MarshalPKIXPublicKey(k.public)
		}
		if err != nil {
			return nil, errors.New("a signing key cannot be written") // the cause could hold the key
		}
		r.Keys = append(r.Keys, stored)
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
	if d.Decode(&r) != nil || r.V != recordVersion || len(r.Keys) == 0 || len(r.Keys) > maxKeys {
		return nil, errRecord
	}
	keys := make([]*signingKey, 0, len(r.Keys))
	ids := make(map[string]struct{}, len(r.Keys))
	for i, stored := range r.Keys {
		k, err := stored.load()
		if err != nil {
			return nil, fmt.Errorf("%w: key %d", errRecord, i+1)
		}
		keys = append(keys, k)
		ids[k.id] = struct{}{}
	}
	if len(ids) != len(keys) {
		return nil, fmt.Errorf("%w: two keys of one id", errRecord)
	}
	return newKeySet(keys), nil
}

func (r keyRecord) load() (*signingKey, error) {
	k := signingKey{id: r.ID, alg: r.Alg, createdOn: r.CreatedOn.UTC(), signsFrom: r.SignsFrom.UTC()}
	switch {
	case (r.Private == nil) == (r.Public == nil), r.CreatedOn.IsZero():
		return nil, errRecord
	case r.Private != nil:
		parsed, err := x509.ParsePKCS8PrivateKey(r.Private)
		if err != nil {
			return nil, errRecord
		}
		private, ok := parsed.(crypto.Signer)
		if !ok {
			return nil, errRecord
		}
		k.private, k.public = private, private.Public()
	default:
		public, err := x509.ParsePKIXPublicKey(r.Public)
		if err != nil {
			return nil, errRecord
		}
		k.public = public
	}
	return newSigningKey(k)
}
