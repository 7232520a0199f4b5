package roles

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/authgate/authgate/internal/fault"
)

// Deps are what a Service needs beside its records. All are required.
type Deps struct {
	Now func() time.Time
	// InUse names something that refers to the stored role, for the error of Delete, or returns "" if nothing
	// does. It may answer from a collection kept true by the Feed of the Records: it must see all that Feed has
	// applied when it is called, as store.Collection.Find does, and count holders that cannot be read. Whoever
	// writes what it finds must do so with RequireIn.
	InUse func(ctx context.Context, role string) (by string, err error)
}

// Service manages roles and tells what they allow. One is built per configuration over Records that outlive
// it. It is safe for concurrent use.
type Service struct {
	rec   *Records
	now   func() time.Time
	inUse func(ctx context.Context, role string) (string, error)

	fixed  map[string]*Role // built in and declared
	listed []*Role          // the same, in order
}

// New validates the declared roles as the API would and returns the Service of one configuration. It does not
// touch the store. Its errors are of kind Invalid and name the Caddyfile's block and field. Origin and times
// of declared roles are ignored.
func New(rec *Records, declared []Role, deps Deps) (*Service, error) {
	if rec == nil || deps.Now == nil || deps.InUse == nil {
		return nil, errors.New("roles: Records, Deps.Now and Deps.InUse are required")
	}
	s := &Service{rec: rec, now: deps.Now, inUse: deps.InUse, fixed: map[string]*Role{}}
	for _, v := range builtIn() {
		if err := s.fix(v, OriginDefault); err != nil {
			return nil, err
		}
	}
	for _, v := range declared {
		if err := s.fix(v, OriginDeclarative); err != nil {
			var f *fault.Error
			if !errors.As(err, &f) {
				return nil, fmt.Errorf("role %s: %w", v.Name, err)
			}
			return nil, &fault.Error{Kind: fault.Invalid, Op: "role " + v.Name, Field: f.Field, Err: f.Err}
		}
	}
	return s, nil
}

func (s *Service) fix(v Role, origin string) error {
	r, err := newRole(Role{Name: v.Name, Description: v.Description, Permissions: v.Permissions, Origin: origin})
	if err != nil {
		return err
	}
	if old := s.fixed[r.Name]; old != nil {
		return taken(old)
	}
	s.fixed[r.Name] = r
	s.listed = append(s.listed, r)
	return nil
}

// Fixed returns the built-in or declared role of the given name. These need no store; declared objects may
// refer to no others.
func (s *Service) Fixed(name string) (*Role, bool) {
	r, ok := s.fixed[name]
	return r, ok
}
