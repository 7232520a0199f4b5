package authn_test

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails the package if a goroutine outlives the tests: Close must wait for fetches (specs D7).
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
