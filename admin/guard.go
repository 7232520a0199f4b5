package admin

import (
	"net/http"
	"strings"

	"github.com/authgate/authgate/internal/secret"
)

// guard lets callers with the admin key pass.
type guard struct {
	key secret.String
}

var (
	errWrongCredentials = &requestError{http.StatusUnauthorized, "Wrong Credentials"}
	errTwoCredentials   = &requestError{http.StatusBadRequest, "More than one credential was sent"}
	errCrossSite        = &requestError{http.StatusForbidden, "Requests from other sites are refused"}
)

// check judges the request's credential: the first "key" of the query, as upstream, or a bearer token.
// If there are both they must be the same (specs J18). Without a configured key nobody passes (A2).
func (g guard) check(r *http.Request) error {
	query := r.URL.Query()
	keys, inQuery := query["key"]
	bearer, inHeader, err := bearerToken(r.Header)
	if err != nil {
		return err
	}
	var sent secret.String
	switch {
	case inQuery && inHeader:
		if sent = secret.New(keys[0]); !sent.Equal(bearer) {
			return errTwoCredentials
		}
	case inQuery:
		sent = secret.New(keys[0])
	case inHeader:
		sent = bearer
	}
	// Compare in any case, so that the time does not tell whether a key is configured.
	if same := sent.Equal(g.key); !same || g.key.Empty() {
		return errWrongCredentials
	}
	return nil
}

func bearerToken(h http.Header) (token secret.String, ok bool, err error) {
	lines := h["Authorization"]
	if len(lines) > 1 {
		return token, false, errTwoCredentials
	}
	if len(lines) == 0 {
		return token, false, nil
	}
	scheme, rest, _ := strings.Cut(lines[0], " ")
	if !strings.EqualFold(scheme, "bearer") {
		return token, false, nil
	}
	return secret.New(rest), true, nil
}

// sameSite refuses requests that a browser sends on behalf of another site (specs A1). Requests without
// a browser's marks pass: they need the key all the same. Reads are not exempt from the key either, and
// no answer carries CORS headers, so another site cannot see one.
func sameSite(r *http.Request) error {
	if http.NewCrossOriginProtection().Check(r) != nil {
		return errCrossSite
	}
	return nil
}
