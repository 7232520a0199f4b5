// Package origin is what stands around a gateway under test: the issuer whose
// tokens it checks, and the upstream it forwards to.
//
// May import: standard library only.
package origin
