package authmethods

import (
	"net/url"
	"strings"
)

// checkNoSecret refuses a path template that spells out the value of a query parameter whose name says that
// it is a credential. Paths are not secret: redacted answers and exports show them, and nothing scrubs
// them. It is asked of what is to be written only, so that no stored record becomes unreadable by it.
func checkNoSecret(path string) error {
	_, query, _ := strings.Cut(path, "?")
	for part := range strings.FieldsFuncSeq(query, func(r rune) bool { return r == '&' || r == ';' }) {
		name, value, _ := strings.Cut(part, "=")
		if !namesSecret(name) || strings.Contains(value, placeAccessKey) || strings.ReplaceAll(value, placeIdentifier, "") == "" {
			continue
		}
		return invalidField("path", "The query parameter %s holds a secret, which would be shown: write %s in its place",
			name, placeAccessKey)
	}
	return nil
}

// namesSecret reports whether a raw parameter name is that of a credential, however it is spelled.
func namesSecret(raw string) bool {
	name, err := url.QueryUnescape(raw)
	if err != nil {
		name = raw
	}
	switch strings.ToLower(strings.NewReplacer("-", "", "_", "", ".", "").Replace(name)) {
	case "key", "apikey", "token", "accesstoken", "password", "secret":
		return true
	}
	return false
}
