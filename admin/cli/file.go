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
		return hinted(fmt.Errorf("%s exists already", file), "--force replaces it")
	}
	return nil
}

// writeFile writes a file of mode 0600 whole or not at all. Without force it must not exist, also if
// somebody makes it meanwhile.
func writeFile(file string, data []byte, force bool) (err error) {
	tmp, err := os.CreateTemp(filepath.Dir(file), ".authgate-export-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if removeErr := os.Remove(tmp.Name()); err == nil && !errors.Is(removeErr, fs.ErrNotExist) {
			err = removeErr
		}
	}()
	_, err = tmp.Write(data)
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	if force {
		return os.Rename(tmp.Name(), file)
	}
	if err := os.Link(tmp.Name(), file); errors.Is(err, fs.ErrExist) {
		return mustNotExist(file)
	} else if err != nil {
		return err
	}
	return nil
}
