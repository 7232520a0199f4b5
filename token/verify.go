package token

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/authgate/authgate/internal/strictjson"
)

const (
	maxToken     = 16 << 10
	headerDepth  = 3
	payloadDepth = 10
)

type header struct {
	Alg  Alg             `json:"alg"`
	Kid  string          `json:"kid"`
	Typ  string          `json:"typ"`
	Crit json.RawMessage `json:"crit"`
}

// Verify returns the claims of a token that Mint of any replica made and that is valid now, without any
// leeway. The error wraps ErrNotOurs, ErrInvalid or ErrUnavailable, and holds no part of the token. Its
// audience and its private claims are the caller's to judge.
func (k *Keys) Verify(ctx context.Context, raw string) (*Claims, error) {
	head, signed, payload, signature, err := split(raw)
	if err != nil {
		return nil, err
	}
	var iss struct {
		Issuer string `json:"iss"`
	}
	if json.Unmarshal(payload, &iss) != nil || iss.Issuer != k.cfg.Issuer || !isKeyID(head.Kid) {
		return nil, ErrNotOurs
	}
	if strictjson.Check(payload, payloadDepth) != nil { // J15
		return nil, invalid("its claims can be read in two ways")
	}
	set, _, err := k.load(ctx)
	if err != nil {
		return nil, err
	}
	key := set.find(head.Kid)
	if key == nil {
		if set, err = k.loadAnew(ctx); err != nil {
			return nil, err
		}
		if key = set.find(head.Kid); key == nil {
			return nil, invalid("its key is unknown")
		}
	}
	now := k.now()
	switch {
	case head.Alg != key.alg: // J3: the key says how it is used, never the token
		return nil, invalid("its algorithm is not that of its key")
	case head.Typ != "JWT", head.Crit != nil: // J6, J13
		return nil, invalid("its header is not one of ours")
	case !key.verifies(now):
		return nil, invalid("its key has retired")
	case key.method.Verify(signed, signature, key.private.Public()) != nil:
		return nil, invalid("its signature does not verify")
	}
	c, err := parseClaims(payload)
	if err != nil {
		return nil, err
	}
	switch {
	case !now.Before(c.Expiry):
		return nil, invalid("it has expired")
	case now.Before(c.NotBefore):
		return nil, invalid("its time has not come")
	}
	return c, nil
}

func invalid(reason string) error { return fmt.Errorf("%w: %s", ErrInvalid, reason) }

// split decodes a compact JWS. What is none is not ours.
func split(raw string) (h header, signed string, payload, signature []byte, err error) {
	first, last := strings.IndexByte(raw, '.'), strings.LastIndexByte(raw, '.')
	if len(raw) > maxToken || first <= 0 || first == last || strings.IndexByte(raw[first+1:last], '.') >= 0 || strings.ContainsAny(raw, "\r\n") {
		return h, "", nil, nil, ErrNotOurs
	}
	b64 := base64.RawURLEncoding.Strict()
	head, err1 := b64.DecodeString(raw[:first])
	payload, err2 := b64.DecodeString(raw[first+1 : last])
	signature, err3 := b64.DecodeString(raw[last+1:])
	if err1 != nil || err2 != nil || err3 != nil || strictjson.Check(head, headerDepth) != nil || json.Unmarshal(head, &h) != nil {
		return h, "", nil, nil, ErrNotOurs
	}
	return h, raw[:last], payload, signature, nil
}

// parseClaims reads what Mint writes, and nothing else: another form under our signature would mean that
// somebody else has the key.
func parseClaims(payload []byte) (*Claims, error) {
	var all map[string]json.RawMessage
	if json.Unmarshal(payload, &all) != nil {
		return nil, invalid("its claims are no object")
	}
	c := new(Claims)
	ok := text(all, "iss", &c.Issuer) && text(all, "sub", &c.Subject) && text(all, "jti", &c.ID) && text(all, "name", &c.Name) &&
		texts(all, "aud", &c.Audience) && seconds(all, "iat", &c.IssuedAt) && seconds(all, "nbf", &c.NotBefore) && seconds(all, "exp", &c.Expiry)
	if !ok || c.Expiry.IsZero() || c.ID == "" {
		return nil, invalid("its claims are not as we write them")
	}
	for _, name := range registered {
		delete(all, name)
	}
	if len(all) > 0 {
		c.Extra = all
	}
	return c, nil
}

func text(all map[string]json.RawMessage, name string, out *string) bool {
	raw, given := all[name]
	return !given || raw[0] == '"' && json.Unmarshal(raw, out) == nil
}

func texts(all map[string]json.RawMessage, name string, out *[]string) bool {
	raw, given := all[name]
	if !given {
		return true
	}
	if raw[0] == '"' {
		*out = make([]string, 1)
		return json.Unmarshal(raw, &(*out)[0]) == nil
	}
	return raw[0] == '[' && json.Unmarshal(raw, out) == nil
}

func seconds(all map[string]json.RawMessage, name string, out *time.Time) bool {
	raw, given := all[name]
	if !given {
		return true
	}
	var n int64
	if json.Unmarshal(raw, &n) != nil || n <= 0 {
		return false
	}
	*out = time.Unix(n, 0).UTC()
	return true
}
