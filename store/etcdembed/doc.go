// Package etcdembed runs an etcd server of one member inside the process, for authgate on one machine:
// no listeners, no second program, a data directory only this process may use.
//
// It imports the etcd server, bbolt, zap, store and internal/fault. It is a package of its own so that a
// build with an external cluster does not link the etcd server.
package etcdembed
