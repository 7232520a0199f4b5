//go:build !authgate_sidecar

package main

import _ "github.com/authgate/authgate/caddymodule/embedded" // the store on one machine
