// Package store keeps records in etcd and serves reads from memory. Store is the small face of a
// key-value store with revisions; Feed is the one watch a process holds on it; Collection is a typed,
// cached set of records that Feed keeps true (the coherence rules are on Collection).
//
// It imports the etcd client, golang-lru, x/sync and internal/*, never Caddy and never the etcd server.
package store
