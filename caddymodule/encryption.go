package caddymodule

import (
	"errors"
	"fmt"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/authgate/authgate/store"
	"github.com/authgate/authgate/store/seal"
)

// KeyOwner is what a StoreDriver may be that keeps an encryption key beside its data, for when none is
// configured.
type KeyOwner interface {
	// OwnKey reads the key, or makes it if the store is new. It is called when the store is started.
	OwnKey(logger *zap.Logger) (seal.Key, error)
}

// encryption is what a configuration says about secrets at rest.
type encryption struct {
	keys      *seal.Keyring // nil: none configured
	plaintext bool
}

// encryption reads the keys. It makes no file: a configuration may be provisioned just to be validated.
func (a *App) encryption(repl *caddy.Replacer) (encryption, error) {
	e := encryption{plaintext: a.InsecurePlaintextSecrets}
	if len(a.EncryptionKeyFiles) > 0 && len(a.EncryptionKeys) > 0 {
		return e, errors.New("encryption_key_file and encryption_key are both given; use one of the two, for all keys")
	}
	r := resolver{repl: repl}
	files, texts := r.texts("encryption_key_file", a.EncryptionKeyFiles), r.texts("encryption_key", a.EncryptionKeys)
	if r.err != nil {
		return e, r.err
	}
	var keys []seal.Key
	for _, file := range files {
		key, err := seal.ReadKeyFile(file)
		if err != nil {
			return e, err
		}
		if seal.Exposed(file) {
			a.log.Warn("everybody on this machine can read or change the encryption key; take that away with chmod o= on the file", zap.String("file", file))
		}
		keys = append(keys, key)
	}
	for i, text := range texts {
		key, err := seal.ParseKey(text)
		if err != nil {
			return e, fmt.Errorf("encryption_key: value %d of %d: %w; make one with `openssl rand -base64 32`", i+1, len(texts), err)
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return e, nil
	}
	ring, err := seal.NewKeyring(keys[0], keys[1:]...)
	e.keys = ring
	return e, err
}

// ids tell configurations with different keys apart.
func (e encryption) ids() []string {
	if e.keys == nil {
		return nil
	}
	return e.keys.IDs()
}

// wrap returns the encrypting store around s, or nil if everything is to be stored in clear. It refuses a
// store whose secrets would lie open without anybody having asked for that (specs A2).
func (e encryption) wrap(s store.Store, driver StoreDriver, logger *zap.Logger) (*seal.Store, error) {
	cfg := seal.Config{Prefix: driver.KeyPrefix(), Keys: e.keys, Plaintext: e.plaintext, Logger: logger}
	if e.keys != nil {
		return seal.Wrap(s, cfg), nil
	}
	if e.plaintext {
		return nil, nil
	}
	owner, ok := driver.(KeyOwner)
	if !ok {
		return nil, errors.New("there is no encryption key, so secrets would be stored unencrypted; make one with `openssl rand -base64 32`," +
			" in a file that only the gateways can read, and name it: `encryption_key_file <file>`;" +
			" or do without: `insecure_plaintext_secrets`")
	}
	cfg.Load = func() (*seal.Keyring, error) {
		key, err := owner.OwnKey(logger)
		if err != nil {
			return nil, err
		}
		return seal.NewKeyring(key)
	}
	return seal.Wrap(s, cfg), nil
}
