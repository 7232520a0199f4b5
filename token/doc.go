// Package token signs and verifies the JWTs that authgate itself issues. Its signing keys lie in the
// store, shared by all replicas, and are rotated with an overlap: a key is published before it signs, and
// verifies for as long as a token signed with it may live.
//
// It knows nothing of what tokens mean: callers choose the claims and judge them. It imports store,
// internal/*, zap and golang-jwt.
package token
