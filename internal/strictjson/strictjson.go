// Package strictjson judges JSON text before it is decoded: encoding/json silently takes the last of
// two equal members, which lets two parsers of one document disagree (specs J15, A4).
// It imports only the standard library.
package strictjson

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// The failures of Check, for errors.Is.
var (
	ErrSyntax    = errors.New("invalid JSON")
	ErrDuplicate = errors.New("duplicate member")
	ErrDepth     = errors.New("nested too deeply")
)

// Check reports whether data is exactly one JSON value, valid UTF-8, nested at most maxDepth deep, and
// without two members of one object that have the same name after unescaping. It never echoes content:
// data may be a token. It needs no allocation for objects of up to 16 members with plain names.
func Check(data []byte, maxDepth int) error {
	if !utf8.Valid(data) {
		return fmt.Errorf("%w: not UTF-8", ErrSyntax)
	}
	s := scanner{data: data, maxDepth: maxDepth}
	s.space()
	if err := s.value(1); err != nil {
		return err
	}
	s.space()
	if s.pos != len(s.data) {
		return fmt.Errorf("%w: text after the value at offset %d", ErrSyntax, s.pos)
	}
	return nil
}
