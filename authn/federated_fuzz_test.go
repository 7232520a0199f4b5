package authn_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/authgate/authgate/authn"
	"github.com/authgate/authgate/authn/authntest"
)

// FuzzFederatedClaims signs any payload: what passes must be what encoding/json reads from it, too.
func FuzzFederatedClaims(f *testing.F) {
	fed := newFederation(f, "EdDSA")
	valid, err := json.Marshal(fed.Claims(nil))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(valid))
	for _, extra := range []string{`"sub":"admin"`, `"exp":"9"`, `"nbf":"1e9"`, `"x":{"y":1,"y":2}`, `"aud":[""]`, `"\u0065xp":1`} {
		f.Add(strings.TrimSuffix(string(valid), "}") + "," + extra + "}")
	}
	f.Add(`{"iss":"` + fed.URL + `","exp":"99999999999","nbf":"-0.0e-1"}`)
	f.Fuzz(func(t *testing.T, payload string) {
		id, err := fed.fed.Verify(t.Context(), fed.Token(t, nil, authntest.RawPayload(payload)))
		if err != nil {
			if !errors.Is(err, authn.ErrRejected) {
				t.Fatalf("got %v, want rejected", err)
			}
			return
		}
		var claims map[string]any
		if err := json.Unmarshal(id.Payload, &claims); err != nil {
			t.Fatalf("payload %q passed, which is no JSON: %v", payload, err)
		}
		sub, _ := claims["sub"].(string)
		var exp json.Number
		switch v := claims["exp"].(type) {
		case float64:
			exp = json.Number(itoa(int64(v)))
		case string:
			exp = json.Number(v)
		}
		seconds, err := exp.Float64()
		if claims["iss"] != fed.URL || id.Subject != sub || err != nil || id.Expiry.Sub(time.Unix(int64(seconds), 0)).Abs() > time.Second {
			t.Fatalf("payload %q: got %+v", payload, id)
		}
	})
}
