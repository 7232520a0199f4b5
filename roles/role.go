package roles

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/authgate/authgate/internal/fault"
)

// The built-in roles.
const (
	Admin                 = "Admin"                  // may do everything
	Analyst               = "Analyst"                // may read everything
	ContinuousIntegration = "Continuous Integration" // calls proxied services; the management APIs are no business of a pipeline
	None                  = "None"                   // is never effective: Resolve leaves it out
)

// The origins of roles, as the APIs name them.
const (
	OriginDefault     = "DEFAULT"     // built in
	OriginDeclarative = "DECLARATIVE" // from the Caddyfile
	OriginImperative  = "IMPERATIVE"  // stored through the API
)

// Sizes a role may have, in characters. 128 of four bytes each are what the id of a record takes.
const (
	maxName        = 128
	maxDescription = 1024
)

// Role is a named set of permissions. It is immutable once a Service hands it out, its map included, and then
// safe for concurrent use.
type Role struct {
	Name        string // unique over all origins, compared byte for byte
	Description string
	Permissions Permissions // of known resources only, without NoAccess
	Origin      string
	CreatedOn   time.Time // zero unless the origin is OriginImperative
	UpdatedOn   time.Time // zero until the first update

	deleting bool // Delete has marked it; see the package comment
	lost     bool // it was marked by one who could not read it, so what it allowed is not known any more
}

func builtIn() []Role {
	all, read := Permissions{}, Permissions{}
	for _, r := range Resources() {
		all[r], read[r] = ReadWriteAccess, ReadAccess
	}
	return []Role{
		{Name: Admin, Description: "Full access to the management APIs", Permissions: all},
		{Name: Analyst, Description: "Read access to the management APIs", Permissions: read},
		{Name: ContinuousIntegration, Description: "Calls proxied services, without access to the management APIs"},
		{Name: None, Description: "No access at all"},
	}
}

// newRole validates v and returns a copy of it.
func newRole(v Role) (*Role, error) {
	if reason := nameFault(v.Name); reason != "" {
		return nil, fault.New(fault.Invalid, "", "name", "%s", reason)
	}
	if utf8.RuneCountInString(v.Description) > maxDescription {
		return nil, fault.New(fault.Invalid, "", "description", "is longer than %d characters", maxDescription)
	}
	if !printable(v.Description, "\n\t") {
		return nil, fault.New(fault.Invalid, "", "description", "holds characters that cannot be printed")
	}
	var err error
	if v.Permissions, err = v.Permissions.normal(); err != nil {
		return nil, err
	}
	return &v, nil
}

// nameFault says why name cannot be a role's, or "". A name is a segment of the API's paths (specs A5). Lists
// of roles, which upstreams get, are separated by commas: a name with one in it would read as two roles there,
// whatever its holder was allowed to grant (specs X3).
func nameFault(name string) string {
	switch {
	case name == "":
		return "is empty"
	case utf8.RuneCountInString(name) > maxName:
		return "is longer than 128 characters"
	case !printable(name, ""):
		return "holds characters that cannot be printed"
	case strings.TrimSpace(name) != name:
		return "begins or ends with a space"
	case strings.ContainsAny(name, "/,"):
		return "holds a slash or a comma"
	case name == "." || name == "..":
		return "is a dot segment, which no path can name"
	}
	return ""
}

// printable reports whether text is UTF-8 without control, format and private characters, but for those in
// except. Invisible ones would let two names look the same.
func printable(text, except string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool {
		return !unicode.IsPrint(r) && !strings.ContainsRune(except, r)
	})
}
