package authn

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"strings"
)

const (
	maxAttrNames  = 256
	maxAttrValues = 1000     // over all claims of a token
	maxAttrBytes  = 16 << 10 // packed
)

// flatClaim is one claim on its way into Attrs.
type flatClaim struct {
	name   string
	values []string
}

// flattener turns a payload into flat claims by these rules:
//
//   - a text is taken as it is, a number as its exact text in the JSON, a boolean as true or false;
//   - a list yields its texts, numbers and booleans; lists and objects in it are left out;
//   - an object's members are named with a dot, realm_access.roles;
//   - null is left out;
//   - email is left out unless email_verified is true (or the text "true", as some issuers write it), so
//     that no rule can match an address nobody checked (specs J16).
//
// A token is refused if two of its claims come out under one name, since a name with a dot in it could
// otherwise pass for a nested one, or if it breaks one of the limits above (specs H13).
type flattener struct {
	claims []flatClaim
	store  []string // backs the values of all claims
	bytes  int
}

func flatten(payload jsonValue) ([]flatClaim, error) {
	f := flattener{claims: make([]flatClaim, 0, 16), store: make([]string, 0, 24)}
	var email jsonValue
	verified := false
	ok := payload.members(func(name string, v jsonValue) bool {
		switch name {
		case "email":
			email = v
			return true
		case "email_verified":
			verified = (v.kind == jsonBool || v.kind == jsonString) && v.string() == "true"
		}
		return f.add(name, v)
	})
	if ok && verified {
		ok = f.add("email", email)
	}
	if !ok {
		return nil, rejected("payload: more claims than the limits allow")
	}
	slices.SortFunc(f.claims, func(a, b flatClaim) int { return strings.Compare(a.name, b.name) })
	for n := 1; n < len(f.claims); n++ {
		if f.claims[n].name == f.claims[n-1].name {
			return nil, rejected("payload: two claims come out under one dotted name")
		}
	}
	return f.claims, nil
}

// add takes one claim and reports whether the limits still hold.
func (f *flattener) add(name string, v jsonValue) bool {
	if v.kind == jsonObject {
		return v.members(func(inner string, v jsonValue) bool { return f.add(name+"."+inner, v) })
	}
	start := len(f.store)
	switch v.kind {
	case jsonNull:
		return true
	case jsonArray:
		v.elements(func(e jsonValue) bool {
			if e.kind == jsonString || e.kind == jsonNumber || e.kind == jsonBool {
				f.store = append(f.store, e.string())
				f.bytes += len(e.text) + 2
			}
			return len(f.store) <= maxAttrValues
		})
	default:
		f.store = append(f.store, v.string())
		f.bytes += len(v.text) + 2
	}
	f.bytes += len(name) + 4
	f.claims = append(f.claims, flatClaim{name: name, values: f.store[start:len(f.store):len(f.store)]})
	return len(f.store) <= maxAttrValues && len(f.claims) <= maxAttrNames && f.bytes <= maxAttrBytes
}

// packClaims makes Attrs of sorted claims, like NewAttrs, without a map in between.
func packClaims(claims []flatClaim) Attrs {
	var (
		b       strings.Builder
		scratch [binary.MaxVarintLen64]byte
	)
	size := 0
	for _, c := range claims {
		size += sizeOfNumber(len(c.name)) + len(c.name) + sizeOfNumber(len(c.values))
		for _, v := range c.values {
			size += sizeOfNumber(len(v)) + len(v)
		}
	}
	b.Grow(size)
	number := func(n int) { b.Write(binary.AppendUvarint(scratch[:0], uint64(n))) }
	text := func(s string) { number(len(s)); b.WriteString(s) }
	for _, c := range claims {
		text(c.name)
		number(len(c.values))
		for _, v := range c.values {
			text(v)
		}
	}
	return Attrs{packed: b.String()}
}

// sizeOfNumber is how many bytes AppendUvarint takes for n.
func sizeOfNumber(n int) int { return (bits.Len(uint(n)|1) + 6) / 7 }

// principal makes the Principal of verified claims. All of its texts are parts of one packed string, so
// that a cached principal keeps neither the token nor its payload alive.
func (i *Issuer) principal(t *parsedToken) (*Principal, error) {
	claims, err := flatten(t.payload)
	if err != nil {
		return nil, err
	}
	attrs := packClaims(claims)
	p := &Principal{
		ID: attrs.First("sub"), Kind: KindIssuer, Issuer: i.cfg.URL, Method: MethodJWT, TokenID: attrs.First("jti"),
		Roles: attrs.Get(i.cfg.RolesClaim), Attrs: attrs, NotAfter: i.notAfter(&t.claims),
	}
	// scope is one text of words (RFC 8693); scp is that or a list, as the issuer likes.
	scopes := attrs.Get("scope")
	if scopes == nil {
		scopes = attrs.Get("scp")
	}
	for _, s := range scopes {
		p.Scopes = append(p.Scopes, strings.Fields(s)...)
	}
	return p, nil
}
