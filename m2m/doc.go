// Package m2m keeps the machine-to-machine configs: which issuer's ID tokens are exchanged, for how long, and
// which roles their claims give. Configs come from the store (made through the API) or from the Caddyfile
// (Declared, read-only).
//
// A config is compiled when its record is decoded, and the cache holds it so: what is live on a replica is
// what the store says, and a write that fails leaves nothing to roll back.
//
// It imports internal/*, store, roles, authn, zap and google/uuid; never Caddy, net/http servers or sibling
// areas.
package m2m
