// Package admintest is the suite the management APIs must pass wherever they are served: it speaks HTTP
// over TCP and knows a target by its address and key only. It imports internal/*, authn/authntest and
// the standard library.
package admintest
