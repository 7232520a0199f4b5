// Package seal encrypts what a store.Store holds. Keyring makes and opens envelopes; Wrap puts one
// around a Store, so that nothing above it knows of encryption and nothing below it sees a secret.
//
// # Envelope
//
// A value is encrypted with AES-256-GCM under a data key of its own, and the data key under a key of the
// Keyring (the key-encryption key). Both are bound to the name the value is stored under, so that an
// envelope is worth nothing in any other place:
//
//	authgate-seal:1:<key id, 16 hex digits>:   text; names the key
//	nonce (12), data key (32), tag (16)        sealed by that key
//	nonce (12), value, tag (16)                sealed by the data key
//
// The associated data of both is the text followed by the name. The length of a value is not hidden.
//
// It imports store, internal/*, zap and the standard library's cryptography only.
package seal
