// Package store keeps records in etcd and serves reads from memory. Store is the small face of a
// key-value store with revisions; Feed is the one watch a process holds on it; Collection is a typed,
// cached set of records that Feed keeps true.
//
// # Coherence
//
// What a Collection has in memory is true up to the revision its Feed has applied, and is used only
// while the Feed is fresh. An event for a key at revision N drops what is cached under that key, raises
// the floor of the key's shard to N and makes later readers ignore a load of that key that is still on
// its way. A load that read the store at revision H is kept only if H is not below the floor: so a load
// can never bury an invalidation that overtook it. A cut, silent or compacted watch makes the Feed stale,
// and so does a store that can no longer be read: only a read that a majority answers confirms what is
// cached, never the watch itself. Reads then go to the store, and if that fails too, only what was known
// to be true less than MaxStale ago is served.
//
// # Layout
//
// A collection owns the keys below its name. Ids and values are escaped, so that no two of them meet in
// one key and none can leave its place:
//
//	<name>/r/<id>                      the record: a header line naming its index entries, then its data
//	<name>/u/<index>/<value>           a value at most one record holds; names that record
//	<name>/l/<index>/<value>/<id>      a value many records may hold
//
// It imports the etcd client (and gRPC, which it speaks), golang-lru, zap and internal/*, never Caddy and
// never the etcd server.
package store
