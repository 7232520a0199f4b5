// Package token signs and verifies the JWTs that authgate itself issues. Its signing keys lie in the
// store, shared by all replicas, and are rotated with an overlap: a key is published before it signs, and
// verifies for as long as a token signed with it may live.
//
// All keys lie in one record, which is changed by compare-and-swap: replicas that want the same change at once
// make it once. A replica that meets a key it does not know reads the record past its cache, once a second at
// most. Keys are gone a day after they stopped signing, or at once if they are revoked.
//
// It knows nothing of what tokens mean: callers choose the claims and judge them. It imports store,
// internal/*, zap, golang-jwt and google/uuid.
package token
