package seal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// maxKeyFile is far more than a key file can hold; reading stops there.
const maxKeyFile = 4 << 10

// keyAdvice ends the errors about keys.
const keyAdvice = "make a key with `openssl rand -base64 32`, in a file only the gateway's user can read"

// ReadKeyFile reads the key in a file: one line of base64. The error names the file and says how a key is
// made; it holds nothing of the file's content.
func ReadKeyFile(path string) (Key, error) {
	key, err := readKeyFile(path)
	if err != nil {
		return Key{}, fmt.Errorf("encryption key file %s: %w; %s", path, err, keyAdvice)
	}
	return key, nil
}

func readKeyFile(path string) (Key, error) {
	f, err := os.Open(path)
	if err != nil {
		var bare *os.PathError // the path is in the text already
		if errors.As(err, &bare) {
			err = bare.Err
		}
		return Key{}, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile))
	switch {
	case err != nil:
		return Key{}, errors.New("it cannot be read")
	case len(text) == 0:
		return Key{}, errors.New("it is empty")
	}
	return ParseKey(string(text))
}

// CreateKeyFile makes a key and writes it to a new file with mode 0600. The file appears with its whole
// content or not at all, whatever happens on the way, and when it returns, file and directory entry are on
// the disk: what is sealed with the key must not outlive it. An existing file is an error that wraps
// fs.ErrExist.
func CreateKeyFile(path string) (Key, error) {
	key, err := NewKey()
	if err == nil {
		err = publish(path, key.Encode().Reveal()+"\n")
	}
	if err != nil {
		return Key{}, fmt.Errorf("making the encryption key file: %w", err)
	}
	return key, nil
}

// publish writes a file beside path and gives it that name, unless something has it already.
func publish(path, text string) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, filepath.Base(path)+".*") // with mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return err
		}
		// A file system without links. Another process's key must not be replaced: it may seal with it already.
		if err := writeExclusive(path, text); err != nil {
			return err
		}
	}
	return syncDir(dir)
}

// writeExclusive is publish without the promise that the file is whole after a crash.
func writeExclusive(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

func syncDir(dir string) error {
	if runtime.GOOS == "windows" { // it has no such thing
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Exposed reports whether everybody on this machine may read or write the key file. A file that cannot be
// looked at is not exposed.
func Exposed(path string) bool {
	info, err := os.Stat(path)
	return err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o007 != 0
}
