package authmethods

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/authgate/authgate/authn"
)

// Sizes a record may have. Upstream has none; without them one write could fill the store or make every
// request to a host too large for its upstream (specs H13).
const (
	maxName           = 253 // characters
	maxHost           = 253 // bytes
	maxHosts          = 60  // each is an index entry, and an update may change all of them in one etcd transaction of 128 operations
	maxAuthTypes      = 16
	maxUUID           = 64
	maxHeaders        = 64
	maxHeaderName     = 256
	maxHeaderValue    = 16 << 10
	maxHeaderBytes    = 64 << 10
	maxPath           = 2048
	maxRetrievalField = 256
	maxQueryName      = 256
	maxAuthIdentifier = 2048 // bytes; a distinguished name of many parts, or issuer and subject
	maxUniqueKey      = 1024
)

// pathSegmentFault says why s cannot be one segment of the API's paths, or "" (specs A5).
func pathSegmentFault(s string) string {
	switch {
	case !utf8.ValidString(s):
		return "It is not UTF-8"
	case s == "." || s == "..":
		return "A dot segment cannot be reached by path"
	case strings.Contains(s, "/"):
		return "A slash is not allowed"
	case strings.ContainsFunc(s, unicode.IsControl):
		return "Control characters are not allowed"
	}
	return ""
}

// headerNameFault says why the gateway may not set a header of this name, or "". Framing and
// hop-by-hop headers belong to the connection, not to a credential; a stored one could split requests
// or detach the credential from them (specs/auth-methods 5.3, H6).
func headerNameFault(name string) string {
	if name == "" {
		return "An empty header name"
	}
	if len(name) > maxHeaderName {
		return "A header name is too long"
	}
	for i := range len(name) {
		if !isTokenByte(name[i]) {
			return "A header name is not an HTTP token"
		}
	}
	switch norm := authn.NormalizeHeaderName(name); {
	case norm == "host", norm == "content-length", norm == "transfer-encoding", norm == "connection",
		norm == "upgrade", norm == "te", norm == "trailer", norm == "keep-alive", norm == "http2-settings",
		norm == "expect", strings.HasPrefix(norm, "proxy-"):
		return "The header " + name + " belongs to the connection and cannot be set"
	}
	return ""
}

// headerValueFault says why a value cannot be sent as it is, or "" (specs H11). It never echoes it.
func headerValueFault(v string) string {
	if len(v) > maxHeaderValue {
		return "It is too long"
	}
	for i := range len(v) {
		if v[i] < 0x20 || v[i] >= 0x7f {
			return "It holds a control or non-ASCII character"
		}
	}
	if v != strings.Trim(v, " ") {
		return "It begins or ends with a space"
	}
	return ""
}

func isTokenByte(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}
