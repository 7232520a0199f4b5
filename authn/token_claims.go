package authn

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"
)

const (
	maxSubject = 1024
	maxTokenID = 1024
	// maxTime is the start of the year 9999: times from there on are mistakes or tricks (specs J7).
	maxTime = 253370764800
)

// tokenClaims are the claims with a meaning of their own.
type tokenClaims struct {
	iss, sub, jti string
	azp           string
	aud           []string
	exp, nbf, iat date
	hasNonce      bool
	bound         certThumbprint
}

// date is a NumericDate that may be missing.
type date struct {
	at  jwt.NumericDate
	set bool
}

func (d *date) get() (*jwt.NumericDate, error) {
	if !d.set {
		return nil, nil
	}
	return &d.at, nil
}

// claimForms are the forms of claims that not every verifier accepts; the zero value accepts none of them.
type claimForms struct {
	textDates  bool // a NumericDate may be a text with a number in it
	noAudience bool // aud may be empty or hold empty texts, which then match nothing
}

// parseClaims reads payload, an object, and refuses every claim of a form it must not have; whether the values
// are right is for Issuer.judge.
func parseClaims(payload jsonValue, forms claimForms) (tokenClaims, error) {
	var c tokenClaims
	var bad string
	var err error
	text := func(name string, v jsonValue, limit int) string {
		s := v.string()
		if v.kind != jsonString || s == "" || len(s) > limit || hasControl(s) {
			bad = name
		}
		return s
	}
	numeric := func(name string, v jsonValue) date {
		if forms.textDates && v.kind == jsonString {
			v = numberIn(v)
		}
		at, ok := numericDate(v)
		if !ok {
			bad = name
		}
		return date{at: jwt.NumericDate{Time: at}, set: true}
	}
	payload.members(func(name string, v jsonValue) bool {
		switch name {
		case "iss":
			c.iss = text(name, v, maxTokenBytes)
		case "sub":
			c.sub = text(name, v, maxSubject)
		case "jti":
			c.jti = text(name, v, maxTokenID)
		case "azp":
			c.azp = text(name, v, maxTokenBytes)
		case "aud":
			var ok bool
			if c.aud, ok = audiences(v); !ok && !(forms.noAudience && hasTexts(v)) {
				bad = name
			}
		case "exp":
			c.exp = numeric(name, v)
		case "nbf":
			c.nbf = numeric(name, v)
		case "iat":
			c.iat = numeric(name, v)
		case "nonce":
			c.hasNonce = true
		case "cnf":
			c.bound, err = parseConfirmation(v)
		case "events":
			bad = name // a logout token or security event, never a credential (specs J13)
		}
		return bad == "" && err == nil
	})
	if err != nil {
		return c, err
	}
	if bad != "" {
		return c, rejected("payload: %s has a form it must not have", bad)
	}
	return c, nil
}

// numericDate reads a NumericDate (RFC 7519 section 2): a number, not a text, from 1970 to 9998.
func numericDate(v jsonValue) (time.Time, bool) {
	if v.kind != jsonNumber {
		return time.Time{}, false
	}
	seconds, err := strconv.ParseInt(v.text, 10, 64)
	nanos := int64(0)
	if err != nil {
		f, err := strconv.ParseFloat(v.text, 64)
		if err != nil || !(f >= 0 && f < maxTime) {
			return time.Time{}, false
		}
		seconds = int64(f)
		nanos = int64((f - float64(seconds)) * 1e9)
	}
	if seconds < 0 || seconds >= maxTime {
		return time.Time{}, false
	}
	return time.Unix(seconds, nanos), true
}

// numberIn is the number that v, a text, consists of, or null.
func numberIn(v jsonValue) jsonValue {
	s := v.string()
	if s == "" || !(s[0] == '-' || s[0] >= '0' && s[0] <= '9') || !json.Valid([]byte(s)) {
		return jsonValue{}
	}
	return jsonValue{kind: jsonNumber, text: s}
}

// hasTexts reports whether v is a text or a list of nothing but texts.
func hasTexts(v jsonValue) bool {
	return v.kind == jsonString || v.kind == jsonArray && v.elements(func(e jsonValue) bool { return e.kind == jsonString })
}

// audiences reads aud: a text or a list of texts, none of them empty and at least one (specs J9).
func audiences(v jsonValue) ([]string, bool) {
	switch v.kind {
	case jsonString:
		s := v.string()
		return []string{s}, s != ""
	case jsonArray:
		var list []string
		ok := v.elements(func(e jsonValue) bool {
			s := e.string()
			list = append(list, s)
			return e.kind == jsonString && s != ""
		})
		return list, ok && len(list) > 0
	}
	return nil, false
}

// hasControl reports whether s holds a control character, or the replacement character that stands for
// half a surrogate pair: two such texts would look like one.
func hasControl(s string) bool {
	for n := range len(s) {
		if s[n] < ' ' || s[n] >= 0x7f {
			return strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || r == utf8.RuneError })
		}
	}
	return false
}

// The methods of jwt.Claims.

func (c *tokenClaims) GetExpirationTime() (*jwt.NumericDate, error) { return c.exp.get() }
func (c *tokenClaims) GetIssuedAt() (*jwt.NumericDate, error)       { return c.iat.get() }
func (c *tokenClaims) GetNotBefore() (*jwt.NumericDate, error)      { return c.nbf.get() }
func (c *tokenClaims) GetIssuer() (string, error)                   { return c.iss, nil }
func (c *tokenClaims) GetSubject() (string, error)                  { return c.sub, nil }
func (c *tokenClaims) GetAudience() (jwt.ClaimStrings, error)       { return c.aud, nil }

var _ jwt.Claims = (*tokenClaims)(nil)
