// Package storetest is the suite every store.Store must pass. It imports store and internal/fault; its
// subpackage etcdtest, which starts etcd clusters for tests, also the etcd server.
package storetest
