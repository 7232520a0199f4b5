package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

func mustNotExist(file string) error {
	if _, err := os.Lstat(file); !errors.Is(err, fs.ErrNotExist) {
		return existsAlready(file)
	}
	return nil
}

func existsAlready(file string) error {
	return hinted(fmt.Errorf("%s exists already", file), "--force replaces it")
}

// writeFile writes a file of mode 0600 whole or not at all. Without force it must not exist, also if
// somebody makes it meanwhile. link is os.Link; tests stand in for file systems without hard links.
func writeFile(file string, data []byte, force bool, link func(old, name string) error) (err error) {
	tmp, err := os.CreateTemp(filepath.Dir(file), ".authgate-export-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if removeErr := os.Remove(tmp.Name()); err == nil && !errors.Is(removeErr, fs.ErrNotExist) {
			err = removeErr
		}
	}()
	if err := fill(tmp, data); err != nil {
		return err
	}
	if force {
		return os.Rename(tmp.Name(), file)
	}
	switch err := link(tmp.Name(), file); {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrExist):
		return existsAlready(file)
	}
	// FAT, and some network file systems, have no hard links.
	return writeExclusive(file, data)
}

// writeExclusive writes a new file in place: a crash can leave a part of it, but nobody's file is replaced.
func writeExclusive(file string, data []byte) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return existsAlready(file)
	}
	if err != nil {
		return err
	}
	if err := fill(f, data); err != nil {
		return errors.Join(err, os.Remove(file))
	}
	return nil
}

// fill writes all of a new file down to the disk, and closes it.
func fill(f *os.File, data []byte) error {
	_, err := f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
