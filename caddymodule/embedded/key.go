package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"go.uber.org/zap"

	"github.com/authgate/authgate/caddymodule"
	"github.com/authgate/authgate/store"
	"github.com/authgate/authgate/store/seal"
)

// keyFile is the store's own key, in its directory.
const keyFile = "encryption.key"

// KeyPrefix implements caddymodule.StoreDriver.
func (s *Store) KeyPrefix() string { return store.DefaultPrefix }

// OwnKey implements caddymodule.KeyOwner. A key is made for a new directory only: one made for data that
// has lost its key, or never had one, would hide that.
func (s *Store) OwnKey(logger *zap.Logger) (seal.Key, error) {
	path := filepath.Join(s.dir, keyFile)
	_, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s.makeKey(path, logger)
	}
	key, err := seal.ReadKeyFile(path)
	if err != nil {
		return key, fmt.Errorf("store embedded: %w; if there are records already, restore the file from its backup", err)
	}
	if seal.Exposed(path) {
		logger.Warn("everybody on this machine can read or change the encryption key; take that away with chmod o= on the file", zap.String("file", path))
	}
	return key, nil
}

func (s *Store) makeKey(path string, logger *zap.Logger) (seal.Key, error) {
	if _, err := os.Lstat(filepath.Join(s.dir, "member")); !errors.Is(err, fs.ErrNotExist) {
		return seal.Key{}, fmt.Errorf("store embedded: %s holds records but their encryption key %s is missing; restore that file,"+
			" or, if the records are not encrypted, go on without encryption: `insecure_plaintext_secrets`", s.dir, path)
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return seal.Key{}, fmt.Errorf("store embedded: %w", err)
	}
	key, err := seal.CreateKeyFile(path)
	if errors.Is(err, fs.ErrExist) { // another process was faster; it also has the directory's lock
		return seal.ReadKeyFile(path)
	}
	if err != nil {
		return key, fmt.Errorf("store embedded: %w", err)
	}
	logger.Info("made the encryption key of the embedded store; keep a copy of it apart from the data",
		zap.String("file", path), zap.String("key", key.ID()))
	return key, nil
}

var _ caddymodule.KeyOwner = (*Store)(nil)
