// Package etcdtest starts etcd clusters with listeners on loopback, for tests of what talks to an external
// etcd. It imports the etcd server and client; only tests import it.
package etcdtest
