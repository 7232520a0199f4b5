package caddymodule

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/authgate/authgate/authn"
	"github.com/authgate/authgate/internal/rawquery"
	"github.com/authgate/authgate/internal/secret"
)

// managementKey is the admin_key as a route sees it: something that no upstream may ever be handed, since
// it opens every stored credential (specs/auth-methods 5.3 item 6). The zero value is none.
type managementKey struct{ key secret.String }

// managementKeyParam is the query parameter in which the auth-method API takes the key.
const managementKeyParam = "key"

// without returns raw without the parameters called name whose value is the key, all others byte for byte.
// It splits at "&" alone and at ";" as well: the key itself may hold a semicolon, and some servers split there.
func (k managementKey) without(raw, name string) string {
	if k.key.Empty() || !rawquery.Has(raw, name) {
		return raw
	}
	return k.cut(k.cut(raw, name, "&"), name, "&;")
}

func (k managementKey) cut(raw, name, separators string) string {
	var b strings.Builder
	found, wrote := false, false
	for rest, lead := raw, ""; ; {
		end := strings.IndexAny(rest, separators)
		part := rest
		if end >= 0 {
			part = rest[:end]
		}
		called, value, _ := strings.Cut(part, "=")
		if !strings.Contains(called, ";") && rawquery.Has(called, name) && k.is(value) {
			found = true
		} else {
			if wrote {
				b.WriteString(lead)
			}
			b.WriteString(part)
			wrote = true
		}
		if end < 0 {
			break
		}
		lead, rest = rest[end:end+1], rest[end+1:]
	}
	if !found {
		return raw
	}
	return b.String()
}

// is compares a raw value with the key as any upstream may read it: as it stands, and percent-decoded with
// and without "+" as a space.
func (k managementKey) is(value string) bool {
	same := k.key.Equal(secret.New(value))
	for _, decode := range []func(string) (string, error){url.PathUnescape, url.QueryUnescape} {
		if text, err := decode(value); err == nil {
			same = k.key.Equal(secret.New(text)) || same
		}
	}
	return same
}

// isIn reports whether a line of Authorization holds the key as one of its words.
func (k managementKey) isIn(lines []string) bool {
	if k.key.Empty() {
		return false
	}
	found := false
	for _, line := range lines {
		for word := range strings.FieldsFuncSeq(line, func(c rune) bool { return c == ' ' || c == '\t' || c == ',' }) {
			found = k.key.Equal(secret.New(word)) || found
		}
	}
	return found
}

// cleanQuery removes from the query of u what must not go on: the management key always, and a token in
// the query unless the route passes the caller's credential on (specs J20).
func (g *gate) cleanQuery(u *url.URL) (changed bool) {
	if u.RawQuery == "" {
		return false
	}
	clean := g.adminKey.without(u.RawQuery, managementKeyParam)
	if g.passToken {
		clean = g.adminKey.without(clean, authn.QueryTokenParam)
	} else {
		clean = rawquery.Remove(clean, authn.QueryTokenParam)
	}
	changed = len(clean) != len(u.RawQuery)
	u.RawQuery = clean
	return changed
}

// originalURL returns the URL as the client sent it, before rewrites; Caddy gives it back to the routes of
// handle_errors, and to whoever asks for the original request.
func originalURL(r *http.Request) *url.URL {
	if orig, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok && orig.URL != nil {
		return orig.URL
	}
	return r.URL
}
