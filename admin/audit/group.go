package audit

// group is the entries on their way to the store.
type group struct{}
