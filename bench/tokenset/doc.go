// Package tokenset makes the distinct signed JWTs a benchmark presents, and
// the keys that sign them. Both are kept on disk, because 100 000 RS256
// signatures take a minute or more of CPU.
//
// May import: standard library only.
package tokenset
