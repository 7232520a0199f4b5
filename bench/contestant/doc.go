// Package contestant knows how each gateway of the comparison is configured,
// started, found ready, measured and stopped. Every one listens on loopback,
// checks a bearer JWT of the same issuer, attaches one constant header and
// forwards to the same upstream; none writes an access log.
//
// May import: bench/load, bench/origin, bench/tokenset.
package contestant
