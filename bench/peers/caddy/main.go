// Command caddy is Caddy with its standard modules and nothing else: the
// yardstick every row of the benchmark is divided by.
package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	_ "github.com/caddyserver/caddy/v2/modules/standard"
)

func main() { caddycmd.Main() }
