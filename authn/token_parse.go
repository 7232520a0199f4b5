package authn

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/authgate/authgate/internal/strictjson"
)

const (
	maxTokenBytes   = 16 << 10
	maxHeaderDepth  = 4
	maxPayloadDepth = 10
)

// openToken is a JWT whose parts are decoded but not judged.
type openToken struct {
	signed          string // header.payload, the bytes the signature is over
	signature       []byte
	header, payload jsonValue // objects
}

// parsedToken is a JWT judged by everything that needs neither issuer nor key. Nothing in it is
// verified yet.
type parsedToken struct {
	openToken
	head   tokenHeader
	claims tokenClaims
}

// tokenHeader are the header members that are looked at. jwk, jku, x5u, x5c and all others are not:
// a token does not choose the key it is verified with (specs J4).
type tokenHeader struct {
	alg         algorithm // algorithmCount for one that is not supported
	algName     string    // as it stands in the token
	kid         string    // may be empty
	accessToken bool      // typ is at+jwt
}

// isCompactJWS reports whether token looks like a JWT at all: two dots, and no more.
func isCompactJWS(token string) bool {
	first := strings.IndexByte(token, '.')
	if first < 0 {
		return false
	}
	rest := token[first+1:]
	second := strings.IndexByte(rest, '.')
	return second >= 0 && strings.IndexByte(rest[second+1:], '.') < 0
}

// rejected makes an error that wraps ErrRejected. The reason never holds any part of the token.
func rejected(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrRejected, fmt.Errorf(format, args...))
}

// openJWS decodes token, which isCompactJWS has accepted; each part is decoded once. What turns out to be
// no JWT is ErrNotMine, since other kinds of token may have two dots too. What is one only to some
// readers is rejected.
func openJWS(token string) (openToken, error) {
	// base64 decoding skips line breaks, which would make two texts of one token.
	if strings.IndexByte(token, '\n') >= 0 || strings.IndexByte(token, '\r') >= 0 {
		return openToken{}, rejected("a line break in the token")
	}
	headerEnd, payloadEnd := strings.IndexByte(token, '.'), strings.LastIndexByte(token, '.')
	encoding := base64.RawURLEncoding.Strict()
	buf := make([]byte, 0, encoding.DecodedLen(len(token)))
	buf, err1 := encoding.AppendDecode(buf, []byte(token[:headerEnd]))
	h := len(buf)
	buf, err2 := encoding.AppendDecode(buf, []byte(token[headerEnd+1:payloadEnd]))
	p := len(buf)
	buf, err3 := encoding.AppendDecode(buf, []byte(token[payloadEnd+1:]))
	if err1 != nil || err2 != nil || err3 != nil {
		return openToken{}, fmt.Errorf("%w: a part is not base64url", ErrNotMine)
	}
	header, payload, signature := buf[:h], buf[h:p], buf[p:]
	if err := checkJSON(header, maxHeaderDepth); err != nil {
		return openToken{}, err
	}
	if err := checkJSON(payload, maxPayloadDepth); err != nil {
		return openToken{}, err
	}
	text := string(buf[:p])
	t := openToken{
		signed: token[:payloadEnd], signature: signature,
		header: parseChecked(text[:h]), payload: parseChecked(text[h:]),
	}
	if t.header.kind != jsonObject || t.payload.kind != jsonObject {
		return openToken{}, fmt.Errorf("%w: a part is not a JSON object", ErrNotMine)
	}
	return t, nil
}

// checkJSON tells text that is no JSON from JSON that two readers could read in two ways (specs J15).
func checkJSON(data []byte, depth int) error {
	switch err := strictjson.Check(data, depth); {
	case errors.Is(err, strictjson.ErrSyntax):
		return fmt.Errorf("%w: a part is not JSON", ErrNotMine)
	case err != nil:
		return rejected("%w", err)
	}
	return nil
}

// issuer returns iss as it stands in the payload, unverified, or "" if there is none. It may be used
// for nothing but to choose who verifies the token (specs J22).
func (t *openToken) issuer() string {
	iss := ""
	t.payload.members(func(name string, v jsonValue) bool {
		if name == "iss" && v.kind == jsonString {
			iss = v.string()
		}
		return name != "iss"
	})
	return iss
}

// parse judges the forms of header and claims.
func (t openToken) parse(forms claimForms) (parsedToken, error) {
	p := parsedToken{openToken: t}
	var err error
	if p.head, err = parseHeader(t.header); err != nil {
		return p, err
	}
	p.claims, err = parseClaims(t.payload, forms)
	return p, err
}

func parseHeader(v jsonValue) (tokenHeader, error) {
	h := tokenHeader{alg: algorithmCount}
	var err error
	v.members(func(name string, value jsonValue) bool {
		switch name {
		case "alg":
			if value.kind == jsonString {
				h.algName = value.string()
			}
			if alg, known := algorithmByName(h.algName); known {
				h.alg = alg
			}
		case "kid":
			if h.kid = value.string(); value.kind != jsonString || h.kid == "" || len(h.kid) > maxKeyID {
				err = rejected("header: kid is not a text of 1 to %d bytes", maxKeyID)
			}
		case "typ":
			err = h.setType(value)
		case "crit", "b64":
			// No extension is implemented here, and b64:false would change what is signed (specs J6).
			err = rejected("header: %s is not supported", name)
		}
		return err == nil
	})
	return h, err
}

// setType takes the typ header: a token that says it is of another class (logout token, security
// event, DPoP proof) must not pass for one that admits somebody (RFC 8725 section 3.11, specs J13).
func (h *tokenHeader) setType(v jsonValue) error {
	typ := strings.ToLower(v.string())
	typ = strings.TrimPrefix(typ, "application/")
	switch {
	case v.kind == jsonString && typ == "jwt":
	case v.kind == jsonString && typ == "at+jwt":
		h.accessToken = true
	default:
		return rejected("header: typ is neither JWT nor at+jwt")
	}
	return nil
}
