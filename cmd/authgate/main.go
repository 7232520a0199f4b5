// Command authgate is Caddy with its standard modules and all of authgate's. With the build tag
// authgate_sidecar it holds the data plane only: no embedded store, no management APIs.
package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	_ "github.com/authgate/authgate/caddymodule"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
)

func main() { caddycmd.Main() }
