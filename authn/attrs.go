package authn

import (
	"encoding/binary"
	"iter"
	"maps"
	"slices"
)

// Attrs is an immutable multimap of claim names to texts, packed into one string: a cache of a hundred
// thousand principals stays small and cheap to scan for the garbage collector, and no caller can change
// what another one sees (specs C5). The zero value is empty. It is safe for concurrent use.
type Attrs struct{ packed string }

// NewAttrs packs m. Names are kept in sorted order.
func NewAttrs(m map[string][]string) Attrs {
	var b []byte
	for _, name := range slices.Sorted(maps.Keys(m)) {
		b = appendText(b, name)
		b = binary.AppendUvarint(b, uint64(len(m[name])))
		for _, v := range m[name] {
			b = appendText(b, v)
		}
	}
	return Attrs{packed: string(b)}
}

// Get returns the values of name, nil if there are none. The slice is the caller's own.
func (a Attrs) Get(name string) []string {
	for n, values := range a.All() {
		if n == name {
			return slices.Collect(values)
		}
	}
	return nil
}

// First returns the first value of name, or "".
func (a Attrs) First(name string) string {
	for n, values := range a.All() {
		if n != name {
			continue
		}
		for v := range values {
			return v
		}
	}
	return ""
}

// Has reports whether value is among the values of name, byte for byte.
func (a Attrs) Has(name, value string) bool {
	for n, values := range a.All() {
		if n != name {
			continue
		}
		for v := range values {
			if v == value {
				return true
			}
		}
	}
	return false
}

// Names returns all names in sorted order.
func (a Attrs) Names() []string {
	var names []string
	for n := range a.All() {
		names = append(names, n)
	}
	return names
}

// All yields each name with its values, in sorted order of the names.
func (a Attrs) All() iter.Seq2[string, iter.Seq[string]] {
	return func(yield func(string, iter.Seq[string]) bool) {
		rest := a.packed
		for rest != "" {
			var name string
			name, rest = cutText(rest)
			count, n := uvarint(rest)
			rest = rest[n:]
			values := rest
			more := yield(name, func(yield func(string) bool) {
				at := values
				for range count {
					var v string
					v, at = cutText(at)
					if !yield(v) {
						return
					}
				}
			})
			if !more {
				return
			}
			for range count {
				_, rest = cutText(rest)
			}
		}
	}
}

func appendText(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

func cutText(s string) (text, rest string) {
	size, n := uvarint(s)
	return s[n : n+int(size)], s[n+int(size):]
}

// uvarint is binary.Uvarint over a string, which needs no conversion and so no allocation.
func uvarint(s string) (v uint64, n int) {
	for shift := 0; n < len(s); shift += 7 {
		c := s[n]
		n++
		v |= uint64(c&0x7f) << shift
		if c < 0x80 {
			break
		}
	}
	return v, n
}
