// Package authmethods keeps which credential each upstream host needs and attaches it to proxied
// requests: service types list hosts, an auth method is the credential for one host of one service
// type, and an Injector puts it on a request by the address that is really dialled. Objects come from
// the store (made through the management API) or from the Caddyfile (Declared, read-only).
//
// A binding gives a caller's own identity a user at such a host: its token can be retrieved with the stored
// credential, handed to the caller (TokenFor) or attached in that credential's place (InjectOptions.Map).
//
// It imports internal/*, store, authn, zap, golang-lru and google/uuid; never Caddy, net/http servers or
// sibling areas.
package authmethods
