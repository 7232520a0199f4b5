package caddymodule_test

import (
	"os"
	"testing"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	_ "github.com/authgate/authgate/caddymodule"
	_ "github.com/authgate/authgate/caddymodule/embedded"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
)

// asProgram makes the test binary be the real program: every test drives gateways from outside, as
// processes of their own, and several can run at once.
const asProgram = "AUTHGATE_TEST_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) == "1" {
		caddycmd.Main()
		return
	}
	os.Exit(m.Run())
}
