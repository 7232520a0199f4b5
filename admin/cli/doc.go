// Package cli is `authgate admin`: the client of the management APIs and of authgate's part of Caddy's
// admin socket. It speaks HTTP only, and treats what servers answer as untrusted: answers are bounded, and
// nothing reaches a terminal before control characters are out of it.
//
// Secrets come from files, stdin or the environment, never from flags, which other users of the machine
// can read. They are printed only by `authm get` and `authm list` with --show-secrets, and written only by
// export into an encrypted document.
//
// It may import internal, store/seal for the encryption of exports, cobra and x/term; never Caddy.
package cli
