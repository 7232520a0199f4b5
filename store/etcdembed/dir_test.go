package etcdembed_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/authgate/authgate/store"
	"github.com/authgate/authgate/store/etcdembed"
)

// The directory holds credentials: nobody else may look into it, whoever made it.
func TestDirectoryIsPrivate(t *testing.T) {
	t.Parallel()
	for name, mode := range map[string]fs.FileMode{"new": 0, "open to all": 0o777, "open to readers": 0o755, "private": 0o700} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "data")
			if mode != 0 {
				if err := errors.Join(os.Mkdir(dir, 0o700), os.Chmod(dir, mode)); err != nil {
					t.Fatal(err)
				}
			}
			core, logs := observer.New(zapcore.WarnLevel)
			s := start(t, etcdembed.Config{Dir: dir, Logger: zap.New(core)})
			info, err := os.Stat(dir)
			if err != nil || info.Mode().Perm() != 0o700 {
				t.Errorf("mode %v, %v; want 0700", info.Mode(), err)
			}
			if warned := logs.Len() > 0; warned != (mode&0o077 != 0) {
				t.Errorf("warnings: %v", logs.All())
			}
			closeNow(t, s)
		})
	}
}

func TestUnusableDirectory(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"", file, filepath.Join(file, "below")} {
		if s, err := etcdembed.Start(etcdembed.Config{Dir: dir}); err == nil {
			t.Errorf("Start in %q succeeds", dir)
			closeNow(t, s)
		}
	}
}

// A damaged database or log ends the server with an error. It must not end the process, which proxies
// other sites too: etcd itself panics or exits.
func TestDamage(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(t *testing.T, dir string){
		"database is garbage": func(t *testing.T, dir string) {
			overwrite(t, filepath.Join(dir, "member", "snap", "db"), 0)
		},
		"log is garbage": func(t *testing.T, dir string) { overwrite(t, logFile(t, dir), 0) },
		"log is damaged": func(t *testing.T, dir string) { overwrite(t, logFile(t, dir), 200) },
		"log is gone": func(t *testing.T, dir string) {
			if err := os.RemoveAll(filepath.Join(dir, "member", "wal")); err != nil {
				t.Fatal(err)
			}
		},
		"database is gone": func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, "member", "snap", "db")); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "data")
			s := start(t, etcdembed.Config{Dir: dir})
			for range 100 {
				put(t, s.Store("/authgate/"), "x", strings.Repeat("x", 1000))
			}
			closeNow(t, s)
			damage(t, dir)

			// In a process of its own: the remains of an etcd that has panicked cannot be cleared away.
			cmd := exec.CommandContext(t.Context(), os.Args[0])
			cmd.Env = append(os.Environ(), damagedDir+"="+dir)
			out, err := cmd.CombinedOutput()
			t.Logf("%s", out)
			if err != nil || !strings.Contains(string(out), "verdict: ") {
				t.Errorf("the process ended with %v", err)
			}
		})
	}
}

// damagedDir has the test binary open the directory and tell what comes of it.
const damagedDir = "AUTHGATE_TEST_DAMAGED_DIR"

func judgeDamaged(dir string) error {
	s, err := etcdembed.Start(etcdembed.Config{Dir: dir})
	if err != nil {
		fmt.Println("verdict: refused:", err)
		return nil
	}
	kv, _, err := s.Store("/authgate/").Get(context.Background(), "x")
	switch {
	case err == nil && len(kv.Value) == 1000:
		fmt.Println("verdict: repaired")
	case errors.Is(err, store.ErrUnavailable) && s.Err() != nil:
		fmt.Println("verdict: failed:", s.Err())
	default:
		return fmt.Errorf("read %q, %w; server says %w", kv.Value, err, s.Err())
	}
	return s.Close()
}

func logFile(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "member", "wal", "*.wal"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no log: %v", err)
	}
	return files[0]
}

func overwrite(t *testing.T, file string, offset int64) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte(strings.Repeat("garbage!", 4096)), offset); err != nil {
		t.Fatal(err)
	}
}
