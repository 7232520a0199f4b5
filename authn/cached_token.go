package authn

import (
	"encoding/binary"
	"time"
)

// cachedToken is what a TokenCache keeps of a token. It is immutable. The principal is packed into one
// text: with a hundred thousand of them in memory the garbage collector would otherwise spend more on
// following their pointers than it costs to unpack one.
type cachedToken struct {
	packed   string
	notAfter int64 // seconds; a fraction is cut off, so that it ends the token early rather than late
	issuer   *Issuer
	key      *publicKey
}

func packToken(p *Principal, issuer *Issuer, v verifiedBy) cachedToken {
	b := make([]byte, 0, len(p.ID)+len(p.TokenID)+len(p.Attrs.packed)+len(v.bound)+32)
	b = appendText(b, string(v.bound))
	b = appendText(b, p.ID)
	b = appendText(b, p.TokenID)
	b = appendTexts(b, p.Roles)
	b = appendTexts(b, p.Scopes)
	b = append(b, p.Attrs.packed...)
	return cachedToken{packed: string(b), notAfter: p.NotAfter.Unix(), issuer: issuer, key: v.key}
}

// bound says which certificate the token may be used with.
func (t cachedToken) bound() certThumbprint {
	b, _ := cutText(t.packed)
	return certThumbprint(b)
}

// principal makes a Principal that belongs to the caller. Its texts share t's memory, which never changes.
func (t cachedToken) principal() *Principal {
	p := &Principal{Kind: KindIssuer, Method: MethodJWT, Issuer: t.issuer.URL(), NotAfter: time.Unix(t.notAfter, 0).UTC()}
	_, rest := cutText(t.packed)
	p.ID, rest = cutText(rest)
	p.TokenID, rest = cutText(rest)
	p.Roles, rest = cutTexts(rest)
	p.Scopes, rest = cutTexts(rest)
	p.Attrs = Attrs{packed: rest}
	return p
}

// size is what t takes, roughly: its text and what every entry costs.
func (t cachedToken) size() int { return 200 + len(t.packed) }

// good reports whether the token has not expired and its key is still the issuer's.
func (t cachedToken) good(now time.Time) bool {
	return now.Unix() < t.notAfter && t.key.alive(now.Sub(t.issuer.keys.epoch))
}

func appendTexts(b []byte, texts []string) []byte {
	b = binary.AppendUvarint(b, uint64(len(texts)))
	for _, s := range texts {
		b = appendText(b, s)
	}
	return b
}

func cutTexts(s string) (texts []string, rest string) {
	count, n := uvarint(s)
	rest = s[n:]
	if count == 0 {
		return nil, rest
	}
	texts = make([]string, count)
	for i := range texts {
		texts[i], rest = cutText(rest)
	}
	return texts, rest
}
