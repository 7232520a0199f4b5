// Package load presents tokens to a gateway: with wrk where it is measured,
// and with a plain client where every token has to be presented once.
//
// May import: standard library only.
package load
