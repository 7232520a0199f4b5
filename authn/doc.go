// Package authn decides who is calling: it takes the Credential out of a request, asks a Chain of
// Authenticators, and verifies JWTs of configured issuers itself (Issuers), and ID tokens that are to be
// exchanged (Federated). It judges client certificates and their revocation lists (ClientCerts); whom one
// stands for is for others to say. It also owns the two rules every proxied request passes first, the
// canonical path and the strip list, and the guard against dialling addresses that nobody should be sent to.
//
// It imports internal/*, go-oidc (discovery), golang-jwt (signatures and registered claims), go-jose
// (JWK decoding only), golang-lru and zap, and neither store nor Caddy: packages that keep principals
// in a store implement Authenticator themselves.
package authn
