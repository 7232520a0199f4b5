package token

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"github.com/authgate/authgate/internal/strictjson"
)

const (
	headerDepth = 3
	// iatLeeway is how far ahead another replica's clock may be. It makes no token live longer.
	iatLeeway = time.Minute
)

// Verify returns the claims of a token that Mint of any replica made and that is valid now: exp and nbf have
// no leeway. The error wraps ErrNotOurs, ErrInvalid or ErrUnavailable, and holds no part of the token. Its
// audience and its private claims are the caller's to judge.
//
// We are the only issuer of what we verify. So a token's header is not interpreted: it must be, byte for
// byte, the one that Mint writes for a key, which names the algorithm and nothing else (specs J1 to J6). And
// claims are decoded only once the signature has been found to be ours (J22).
func (k *Keys) Verify(ctx context.Context, raw string) (*Claims, error) {
	first, last := strings.IndexByte(raw, '.'), strings.LastIndexByte(raw, '.')
	// base64 decoding skips line breaks, which would make two texts of one token.
	if first <= 0 || first == last || len(raw) > maxToken || strings.IndexByte(raw, '\n') >= 0 || strings.IndexByte(raw, '\r') >= 0 {
		return nil, ErrNotOurs
	}
	known, err := k.rec.read(ctx)
	if err == nil {
		if key := known.set.verifier(raw[:first], k.now()); key != nil {
			return k.judge(key, raw, last)
		}
	}
	// No token of a key we know. Only one that says it is ours is worth more effort than to read that.
	payload, ours := k.claimsOurs(raw[first+1 : last])
	if !ours {
		return nil, ErrNotOurs
	}
	id, ok := keyIDOf(raw[:first])
	switch {
	case !ok:
		return nil, ErrNotOurs
	case strictjson.Check(payload, payloadDepth) != nil:
		return nil, invalid("its claims can be read in two ways")
	case err != nil:
		return nil, err
	case known.set.find(id) >= 0:
		return nil, invalid("its header is not one of ours, or its key has retired")
	}
	newer, err := k.ahead(ctx, known.revision)
	if err != nil {
		return nil, err
	}
	if key := newer.verifier(raw[:first], k.now()); key != nil {
		return k.judge(key, raw, last)
	}
	return nil, invalid("its key is unknown")
}

// judge verifies raw, the header of which is key's; its signature begins after the dot at last.
func (k *Keys) judge(key *signingKey, raw string, last int) (*Claims, error) {
	encoded := raw[len(key.header)+1 : last]
	signature, err := base64.RawURLEncoding.Strict().DecodeString(raw[last+1:])
	if err != nil || key.method.Verify(raw[:last], signature, key.public) != nil {
		if _, ours := k.claimsOurs(encoded); !ours {
			return nil, ErrNotOurs // another issuer calls a key of its own as we call ours (specs J12)
		}
		return nil, invalid("its signature does not verify")
	}
	payload, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return nil, invalid("its claims are not base64url")
	}
	c, err := parseClaims(payload)
	if err != nil {
		return nil, err
	}
	c.KeyID = key.id
	now := k.now()
	switch {
	case c.Issuer != k.cfg.Issuer:
		return nil, ErrNotOurs // we once had another name
	case !now.Before(c.Expiry):
		return nil, invalid("it has expired")
	case now.Before(c.NotBefore), now.Add(iatLeeway).Before(c.IssuedAt):
		return nil, invalid("its time has not come")
	}
	return c, nil
}

// claimsOurs reports whether a token's second part says that we issued the token, and returns it decoded.
// Nothing is verified: it decides only whose mistake the token is.
func (k *Keys) claimsOurs(encoded string) ([]byte, bool) {
	payload, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil || !bytes.Contains(payload, k.issuerClaim) {
		return nil, false
	}
	var all map[string]json.RawMessage
	if json.Unmarshal(payload, &all) != nil {
		return nil, false
	}
	iss, issuer := all["iss"], ""
	return payload, len(iss) > 0 && json.Unmarshal(iss, &issuer) == nil && issuer == k.cfg.Issuer
}

// keyIDOf returns the id of a key of ours that a token's first part names.
func keyIDOf(encoded string) (string, bool) {
	head, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil || strictjson.Check(head, headerDepth) != nil {
		return "", false
	}
	var all map[string]json.RawMessage
	var id string
	if json.Unmarshal(head, &all) != nil || len(all["kid"]) == 0 || json.Unmarshal(all["kid"], &id) != nil {
		return "", false
	}
	return id, isKeyID(id)
}
