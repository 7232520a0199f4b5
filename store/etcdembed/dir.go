package etcdembed

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"go.etcd.io/etcd/client/pkg/v3/fileutil"
	"go.uber.org/zap"
)

// ErrInUse says that another process, or another Server of this one, uses the data directory.
var ErrInUse = errors.New("data directory is in use")

// openDir makes sure that the directory is private, unused and sound, and takes its lock.
func openDir(dir string, logger *zap.Logger) (*fileutil.LockedFile, error) {
	if dir == "" {
		return nil, errors.New("no data directory given")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := makePrivate(dir, logger); err != nil {
		return nil, err
	}
	lock, err := fileutil.TryLockFile(filepath.Join(dir, "lock"), os.O_WRONLY|os.O_CREATE, 0o600)
	if errors.Is(err, fileutil.ErrLocked) {
		return nil, fmt.Errorf("%w: %s", ErrInUse, dir)
	}
	if err != nil {
		return nil, err
	}
	if err := probe(dir); err != nil {
		_ = lock.Close()
		return nil, err
	}
	return lock, nil
}

// makePrivate takes away everybody else's access: the directory holds credentials.
func makePrivate(dir string, logger *zap.Logger) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	mode := info.Mode().Perm()
	if mode&0o077 == 0 || runtime.GOOS == "windows" {
		return nil
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return fmt.Errorf("making the data directory private: %w", err)
	}
	logger.Warn("data directory was accessible to others, made it private",
		zap.String("dir", dir), zap.Stringer("mode", mode))
	return nil
}
