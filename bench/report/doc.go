// Package report turns rounds into rows: medians, and ratios paired per round.
//
// May import: standard library only.
package report
