package store

import "slices"

// Match says at which revisions of a record a change may be made, as a client's If-Match does. Nil: at
// whichever it is. An empty Match that is not nil allows none.
type Match []int64

// Allows reports whether a record at revision may be changed.
func (m Match) Allows(revision int64) bool { return m == nil || slices.Contains(m, revision) }
