package authntest

import (
	"encoding/json"
	"maps"
	"testing"
	"time"
)

// Audience is the `aud` of tokens that name none.
const Audience = "https://gate.example"

// TokenOption changes how a token is made.
type TokenOption func(*tokenSpec)

type tokenSpec struct {
	key       *Key
	header    map[string]any
	rawHeader *string
	payload   *string
	signature *string
}

// Header sets a header member; nil removes it.
func Header(name string, value any) TokenOption {
	return func(s *tokenSpec) { set(s.header, name, value) }
}

// SignedBy signs with k, whose kid and alg go into the header.
func SignedBy(k *Key) TokenOption {
	return func(s *tokenSpec) { s.key, s.header["kid"], s.header["alg"] = k, k.ID, k.Alg }
}

// RawHeader and RawPayload replace the JSON text of a part, for what maps cannot express.
func RawHeader(json string) TokenOption { return func(s *tokenSpec) { s.rawHeader = &json } }

// RawPayload replaces the JSON text of the payload; the claims are then ignored.
func RawPayload(json string) TokenOption { return func(s *tokenSpec) { s.payload = &json } }

// Signature replaces the signature, as it stands in the token.
func Signature(text string) TokenOption { return func(s *tokenSpec) { s.signature = &text } }

func set(m map[string]any, name string, value any) {
	if value == nil {
		delete(m, name)
		return
	}
	m[name] = value
}

// Claims returns the claims of a valid token for sub "user-1", changed by overrides, where nil removes
// a claim.
func (p *IdP) Claims(overrides map[string]any) map[string]any {
	now := p.Clock.Now()
	claims := map[string]any{
		"iss": p.URL, "sub": "user-1", "aud": Audience, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	}
	for name, value := range overrides {
		set(claims, name, value)
	}
	return claims
}

// Token signs a token with the current key. claims change those of Claims.
func (p *IdP) Token(t testing.TB, claims map[string]any, opts ...TokenOption) string {
	t.Helper()
	key := p.SigningKey()
	s := tokenSpec{key: key, header: map[string]any{"alg": key.Alg, "typ": "JWT", "kid": key.ID}}
	for _, o := range opts {
		o(&s)
	}
	token, err := s.encode(p.Claims(claims))
	if err != nil {
		t.Fatalf("authntest: making a token: %v", err)
	}
	return token
}

func (s *tokenSpec) encode(claims map[string]any) (string, error) {
	header, err := json.Marshal(maps.Clone(s.header))
	if err != nil {
		return "", err
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	if s.rawHeader != nil {
		header = []byte(*s.rawHeader)
	}
	if s.payload != nil {
		payload = []byte(*s.payload)
	}
	signed := b64(header) + "." + b64(payload)
	if s.signature != nil {
		return signed + "." + *s.signature, nil
	}
	signature, err := s.key.sign(signed)
	if err != nil {
		return "", err
	}
	return signed + "." + b64(signature), nil
}
