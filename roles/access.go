package roles

import "github.com/authgate/authgate/internal/fault"

// Access says what may be done with a resource; a greater one includes the smaller ones. The zero value is
// NoAccess.
type Access uint8

// The levels of access.
const (
	NoAccess Access = iota
	ReadAccess
	ReadWriteAccess
)

var accessNames = [...]string{NoAccess: "NO_ACCESS", ReadAccess: "READ_ACCESS", ReadWriteAccess: "READ_WRITE_ACCESS"}

// String returns the name the APIs use. Values that are no level are named as NoAccess, which is what they
// allow.
func (a Access) String() string {
	if !a.valid() {
		a = NoAccess
	}
	return accessNames[a]
}

// MarshalText returns String.
func (a Access) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText accepts what ParseAccess does.
func (a *Access) UnmarshalText(text []byte) error {
	parsed, err := ParseAccess(string(text))
	if err == nil {
		*a = parsed
	}
	return err
}

// ParseAccess returns the level of the given name. The error for any other text is of kind Invalid and names
// the levels.
func ParseAccess(name string) (Access, error) {
	for a, known := range accessNames {
		if name == known {
			return Access(a), nil //nolint:gosec // an index of three names
		}
	}
	return NoAccess, fault.New(fault.Invalid, "", "access", "%q is no access, those known are: %s, %s, %s",
		name, NoAccess, ReadAccess, ReadWriteAccess)
}

func (a Access) valid() bool { return int(a) < len(accessNames) }
