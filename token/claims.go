package token

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/authgate/authgate/internal/strictjson"
)

// Claims are what a token says. Extra holds the private claims, by name, as JSON; none may have the name of a
// registered one. Times count in whole seconds.
type Claims struct {
	Issuer    string // set by Mint
	Audience  []string
	Subject   string
	ID        string // jti; Mint makes one if it is empty
	Name      string
	IssuedAt  time.Time // zero: now
	NotBefore time.Time // zero: none; it is judged without leeway, by the clocks of all replicas
	Expiry    time.Time // required
	Extra     map[string]json.RawMessage

	KeyID string // the key it was signed with, for Keys.CheckKey; set by Verify, and ignored by Mint
}

const (
	payloadDepth = 10
	// maxTime is the start of the year 9999: times from there on are mistakes or tricks (specs J7).
	maxTime = 253370764800
)

var registered = []string{"iss", "aud", "sub", "jti", "name", "iat", "nbf", "exp"}

// payload writes the claims. What Verify would refuse is refused here.
func (c *Claims) payload(issuer string) ([]byte, error) {
	all := make(map[string]any, len(c.Extra)+len(registered))
	for name, value := range c.Extra {
		if slices.Contains(registered, name) {
			return nil, fmt.Errorf("private claim %q has the name of a registered one", name)
		}
		all[name] = value
	}
	all["iss"], all["jti"], all["iat"], all["exp"] = issuer, c.ID, c.IssuedAt.Unix(), c.Expiry.Unix()
	switch len(c.Audience) {
	case 0:
	case 1:
		all["aud"] = c.Audience[0]
	default:
		all["aud"] = c.Audience
	}
	if c.Subject != "" {
		all["sub"] = c.Subject
	}
	if c.Name != "" {
		all["name"] = c.Name
	}
	if !c.NotBefore.IsZero() {
		all["nbf"] = c.NotBefore.Unix()
	}
	data, err := json.Marshal(all)
	if err != nil {
		return nil, errors.New("claims cannot be written") // the cause may hold a value
	}
	if err := strictjson.Check(data, payloadDepth); err != nil {
		return nil, fmt.Errorf("claims: %w", err)
	}
	return data, nil
}

// parseClaims reads what Mint writes, and nothing else: another form under our signature would mean that
// somebody else has the key.
func parseClaims(payload []byte) (*Claims, error) {
	if strictjson.Check(payload, payloadDepth) != nil { // J15, J17
		return nil, invalid("its claims can be read in two ways")
	}
	var all map[string]json.RawMessage
	if json.Unmarshal(payload, &all) != nil || all == nil {
		return nil, invalid("its claims are no object")
	}
	c := new(Claims)
	ok := text(all, "iss", &c.Issuer) && text(all, "sub", &c.Subject) && text(all, "jti", &c.ID) && text(all, "name", &c.Name) &&
		texts(all, "aud", &c.Audience) && seconds(all, "iat", &c.IssuedAt) && seconds(all, "nbf", &c.NotBefore) && seconds(all, "exp", &c.Expiry)
	if !ok || c.Issuer == "" || c.ID == "" || c.IssuedAt.IsZero() || c.Expiry.IsZero() {
		return nil, invalid("its claims are not as we write them")
	}
	if len(all) > 0 {
		c.Extra = all
	}
	return c, nil
}

// text, texts and seconds take a claim out of all. They report whether it is absent or of the right form.

func text(all map[string]json.RawMessage, name string, out *string) bool {
	raw, given := all[name]
	delete(all, name)
	return !given || readText(raw, out)
}

// readText spares the decoder texts without escapes: raw has been checked.
func readText(raw json.RawMessage, out *string) bool {
	if len(raw) <= 2 || raw[0] != '"' {
		return false
	}
	if !slices.Contains(raw, '\\') {
		*out = string(raw[1 : len(raw)-1])
		return true
	}
	return json.Unmarshal(raw, out) == nil
}

func texts(all map[string]json.RawMessage, name string, out *[]string) bool {
	raw, given := all[name]
	delete(all, name)
	if !given {
		return true
	}
	if raw[0] == '"' {
		*out = make([]string, 1)
		return readText(raw, &(*out)[0])
	}
	return raw[0] == '[' && json.Unmarshal(raw, out) == nil && len(*out) > 0 && !slices.Contains(*out, "") // J9
}

// seconds reads a NumericDate as Mint writes it: digits only, from 1970 to 9998 (specs J7).
func seconds(all map[string]json.RawMessage, name string, out *time.Time) bool {
	raw, given := all[name]
	delete(all, name)
	if !given {
		return true
	}
	n := int64(0)
	for _, c := range raw {
		if c < '0' || c > '9' || n > math.MaxInt64/100 {
			return false
		}
		n = 10*n + int64(c-'0')
	}
	*out = time.Unix(n, 0).UTC()
	return 0 < n && n < maxTime
}
