package m2m

import "encoding/json"

// claimScanner walks JSON that strictjson has checked; at is the offset of the next byte to read.
// encoding/json would take as long for the claims of a token as verifying and signing take.
type claimScanner struct {
	text string
	at   int
}

// next skips white space and separators, and returns the byte after them.
func (s *claimScanner) next() byte {
	for {
		switch c := s.text[s.at]; c {
		case ' ', '\t', '\n', '\r', ',', ':':
			s.at++
		default:
			return c
		}
	}
}

// members calls visit with each member's name while its value is next; visit consumes that.
func (s *claimScanner) members(visit func(name string) error) error {
	s.at++ // the brace
	for s.next() != '}' {
		name := s.string()
		s.next()
		if err := visit(name); err != nil {
			return err
		}
	}
	s.at++
	return nil
}

// strings consumes an array and appends its strings to list.
func (s *claimScanner) strings(list []string) []string {
	s.at++ // the bracket
	for {
		switch s.next() {
		case ']':
			s.at++
			return list
		case '"':
			list = append(list, s.string())
		default:
			s.skip()
		}
	}
}

// string consumes a string and returns it without escapes.
func (s *claimScanner) string() string {
	raw := s.raw()
	for i := range len(raw) {
		if raw[i] == '\\' {
			var plain string
			_ = json.Unmarshal([]byte(raw), &plain) // it was checked
			return plain
		}
	}
	return raw[1 : len(raw)-1]
}

// raw consumes a string and returns it as it stands.
func (s *claimScanner) raw() string {
	begin := s.at
	for s.at++; s.text[s.at] != '"'; s.at++ {
		if s.text[s.at] == '\\' {
			s.at++
		}
	}
	s.at++
	return s.text[begin:s.at]
}

// skip consumes a value of any kind.
func (s *claimScanner) skip() {
	depth := 0
	for {
		switch s.next() {
		case '"':
			s.raw()
		case '{', '[':
			depth++
			s.at++
		case '}', ']':
			depth--
			s.at++
		default:
			for s.at < len(s.text) && isScalar(s.text[s.at]) {
				s.at++
			}
		}
		if depth == 0 {
			return
		}
	}
}

// isScalar reports whether c may be in a number, true, false or null.
func isScalar(c byte) bool {
	return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '+' || c == '.' || c == 'E'
}
