package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/authgate/authgate/admin/cli"
)

// noLinks is os.Link on a file system without hard links.
func noLinks(err error) func(old, name string) error {
	return func(old, name string) error { return &os.LinkError{Op: "link", Old: old, New: name, Err: err} }
}

func only(t *testing.T, dir string) os.FileInfo {
	t.Helper()
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Fatalf("files %v, %v", left, err)
	}
	info, err := left[0].Info()
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// TestWriteWithoutLinks: where there are no hard links an export arrives nevertheless, and still replaces
// nothing.
func TestWriteWithoutLinks(t *testing.T) {
	t.Parallel()
	for name, errno := range map[string]syscall.Errno{"fat": syscall.EPERM, "network": syscall.EOPNOTSUPP, "fuse": syscall.ENOSYS} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, "out")
			if err := cli.WriteFile(path, []byte("export"), false, noLinks(errno)); err != nil {
				t.Fatal(err)
			}
			if info := only(t, dir); info.Mode().Perm() != 0o600 || read(t, path) != "export" {
				t.Errorf("mode %v, content %q", info.Mode(), read(t, path))
			}
			err := cli.WriteFile(path, []byte("again"), false, noLinks(errno))
			if err == nil || !strings.Contains(err.Error(), "exists already") || read(t, path) != "export" {
				t.Errorf("%v; content %q", err, read(t, path))
			}
			if err := cli.WriteFile(path, []byte("forced"), true, noLinks(errno)); err != nil || read(t, path) != "forced" {
				t.Errorf("%v; content %q", err, read(t, path))
			}
			only(t, dir)
		})
	}
	t.Run("dangling_symlink", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		path, target := filepath.Join(dir, "out"), filepath.Join(t.TempDir(), "elsewhere")
		if err := os.Symlink(target, path); err != nil {
			t.Fatal(err)
		}
		err := cli.WriteFile(path, []byte("export"), false, noLinks(syscall.EPERM))
		if err == nil || !strings.Contains(err.Error(), "exists already") {
			t.Errorf("got %v", err)
		}
		if _, err := os.Lstat(target); err == nil {
			t.Error("the file was made elsewhere")
		}
		only(t, dir)
	})
}

// TestWriteSaysWhatItDid: a file that was in the way and is gone again is no success.
func TestWriteSaysWhatItDid(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "out")
	err := cli.WriteFile(path, []byte("export"), false, noLinks(syscall.EEXIST))
	if err == nil || !strings.Contains(err.Error(), "exists already") {
		t.Errorf("got %v", err)
	}
}
