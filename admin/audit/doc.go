// Package audit tells who changed what, and who was refused (specs A12): each entry becomes a line of the
// log and a record of the store, where a bounded number of them can be asked for.
//
// Entries of callers who proved who they are and of those who did not are kept apart, each with a bound
// of its own, so that nobody without a credential can push out what somebody with one has done. Nothing
// here knows the values of an object or a credential; texts that clients chose are cut and cleaned.
//
// It imports store, zap and internal/*.
package audit
