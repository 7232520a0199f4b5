package cli

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/authgate/authgate/internal/secret"
)

// maxSecret bounds a secret's file, in bytes.
const maxSecret = 64 << 10

func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// secretReader reads the secrets of one command. Only one of them can come from stdin.
type secretReader struct {
	p         *program
	cmd       *cobra.Command
	stdinUsed string // what came from stdin
}

func (p *program) secrets(cmd *cobra.Command) *secretReader { return &secretReader{p: p, cmd: cmd} }

// read returns the secret called name from a file, or from stdin for "-", without the line end behind it.
// An empty one is an error.
func (s *secretReader) read(name, file string) (secret.String, error) {
	var data []byte
	var err error
	if file == "-" {
		data, err = s.stdin(name)
	} else {
		data, err = readFile(file, maxSecret)
	}
	if err != nil {
		return secret.String{}, fmt.Errorf("reading %s: %w", name, err)
	}
	data = bytes.TrimSuffix(bytes.TrimSuffix(data, []byte("\n")), []byte("\r"))
	if len(data) == 0 {
		return secret.String{}, fmt.Errorf("reading %s: it is empty", name)
	}
	return secret.New(string(data)), nil
}

func (s *secretReader) stdin(name string) ([]byte, error) {
	if s.stdinUsed != "" {
		return nil, usagef("stdin can hold one thing only, and it holds %s", s.stdinUsed)
	}
	s.stdinUsed = name
	in := s.cmd.InOrStdin()
	if f, ok := in.(*os.File); ok && s.p.Terminal(in) {
		errOut := s.cmd.ErrOrStderr()
		_, _ = fmt.Fprintf(errOut, "Type %s: ", name)
		defer func() { _, _ = fmt.Fprintln(errOut) }()
		return term.ReadPassword(int(f.Fd()))
	}
	return readBounded(in, maxSecret)
}

// document returns an export, which uses up stdin as a secret does.
func (s *secretReader) document(file string) ([]byte, error) {
	if file != "-" {
		return readFile(file, maxDocument)
	}
	s.stdinUsed = "the export"
	if in := s.cmd.InOrStdin(); !s.p.Terminal(in) {
		return readBounded(in, maxDocument)
	}
	return nil, usagef("name the document with -f, or pipe it in")
}

func readFile(file string, most int64) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readBounded(f, most)
}

var errTooLarge = errors.New("it is too large")

func readBounded(r io.Reader, most int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, most+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > most {
		return nil, fmt.Errorf("%w: more than %d bytes", errTooLarge, most)
	}
	return data, nil
}

// fingerprint tells people whether two secrets are the same one, and is far too short to be one.
func fingerprint(s secret.String) string {
	switch s.Reveal() {
	case "":
		return ""
	case secret.Redacted: // the server does not show it
		return "hidden"
	}
	sum := sha256.Sum256([]byte(s.Reveal()))
	return "sha256:" + hex.EncodeToString(sum[:4])
}
