// Package caddymodule makes authgate's modules for Caddy:
//
//	authgate                               the app: store, issuers, stored credentials (app.go)
//	http.handlers.authgate                 decides who may pass (handler.go, gate.go)
//	http.reverse_proxy.transport.authgate  attaches the stored credential of the upstream (transport.go)
//	http.handlers.authgate_admin           the management APIs (apihandler.go)
//	http.authentication.providers.authgate the same decision for Caddy's own authentication handler (provider.go)
//	admin.api.authgate                     status on Caddy's local admin socket (localadmin.go)
//	authgate.stores.etcd                   an external etcd cluster (storeetcd.go)
//
// With caddymodule/embedded and the commands these are the only packages that import Caddy. This one may
// import every authgate package but store/etcdembed, which only caddymodule/embedded links, and admin,
// which a build with the tag authgate_sidecar leaves out.
package caddymodule
