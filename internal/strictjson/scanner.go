package strictjson

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// scanner walks one document; pos is the offset of the next byte to read.
type scanner struct {
	data     []byte
	pos      int
	maxDepth int
}

func (s *scanner) fail() error {
	return fmt.Errorf("%w at offset %d", ErrSyntax, s.pos)
}

func (s *scanner) space() {
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

func (s *scanner) value(depth int) error {
	if s.pos >= len(s.data) {
		return s.fail()
	}
	switch c := s.data[s.pos]; c {
	case '{', '[':
		if depth > s.maxDepth {
			return ErrDepth
		}
		s.pos++
		if c == '{' {
			return s.object(depth)
		}
		return s.array(depth)
	case '"':
		_, err := s.text()
		return err
	default:
		return s.scalar()
	}
}

func (s *scanner) object(depth int) error {
	var buf [16][]byte
	names := buf[:0]
	var many map[string]struct{} // beyond 16 members a linear search would be quadratic
	s.space()
	if s.accept('}') {
		return nil
	}
	for {
		s.space()
		name, err := s.text()
		if err != nil {
			return err
		}
		if bytes.IndexByte(name, '\\') >= 0 {
			var plain string
			if json.Unmarshal(name, &plain) != nil {
				return s.fail()
			}
			name = []byte(plain)
		} else {
			name = name[1 : len(name)-1]
		}
		if many != nil {
			if _, dup := many[string(name)]; dup {
				return ErrDuplicate
			}
			many[string(name)] = struct{}{}
		} else {
			for _, n := range names {
				if bytes.Equal(n, name) {
					return ErrDuplicate
				}
			}
			if len(names) < len(buf) {
				names = append(names, name)
			} else {
				many = make(map[string]struct{}, 64)
				for _, n := range append(names, name) {
					many[string(n)] = struct{}{}
				}
			}
		}
		s.space()
		if !s.accept(':') {
			return s.fail()
		}
		s.space()
		if err := s.value(depth + 1); err != nil {
			return err
		}
		s.space()
		if s.accept('}') {
			return nil
		}
		if !s.accept(',') {
			return s.fail()
		}
	}
}

func (s *scanner) array(depth int) error {
	s.space()
	if s.accept(']') {
		return nil
	}
	for {
		s.space()
		if err := s.value(depth + 1); err != nil {
			return err
		}
		s.space()
		if s.accept(']') {
			return nil
		}
		if !s.accept(',') {
			return s.fail()
		}
	}
}

func (s *scanner) accept(c byte) bool {
	if s.pos < len(s.data) && s.data[s.pos] == c {
		s.pos++
		return true
	}
	return false
}

// text consumes a string and returns it with its quotes.
func (s *scanner) text() ([]byte, error) {
	start := s.pos
	if !s.accept('"') {
		return nil, s.fail()
	}
	escaped := false
	for s.pos < len(s.data) {
		switch c := s.data[s.pos]; {
		case c == '"':
			s.pos++
			raw := s.data[start:s.pos]
			if escaped && !json.Valid(raw) {
				return nil, s.fail()
			}
			return raw, nil
		case c == '\\':
			escaped = true
			s.pos += 2
		case c < 0x20:
			return nil, s.fail()
		default:
			s.pos++
		}
	}
	s.pos = len(s.data)
	return nil, s.fail()
}

// scalar consumes a number or a literal; encoding/json judges its grammar.
func (s *scanner) scalar() error {
	start := s.pos
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case ',', '}', ']', ' ', '\t', '\n', '\r', ':', '"', '{', '[':
		default:
			s.pos++
			continue
		}
		break
	}
	if !json.Valid(s.data[start:s.pos]) {
		s.pos = start
		return s.fail()
	}
	return nil
}
