package caddymodule_test

import (
	"path/filepath"
	"testing"

	"github.com/authgate/authgate/store/seal"
)

// newKeyFile makes an encryption key for gateways, and returns the file's name.
func newKeyFile(t testing.TB) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "encryption.key")
	if _, err := seal.CreateKeyFile(file); err != nil {
		t.Fatal(err)
	}
	return file
}
