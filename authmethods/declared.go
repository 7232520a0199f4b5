package authmethods

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/authgate/authgate/internal/fault"
)

// Declared is what the Caddyfile says. Its objects are read-only through the API. UUIDs, times and
// Origin in it are ignored.
type Declared struct {
	ServiceTypes []ServiceType
	Methods      []DeclaredMethod
	Defaults     map[string]Defaults // by service type's type
}

// DeclaredMethod is an auth_method block: a method of the declared service type of the given name. Its
// Type is that service type's kind.
type DeclaredMethod struct {
	ServiceType string
	Method      Method
}

// declaredUUID gives a declared service type the same UUID on every replica and after every reload, so
// that stored methods can refer to it.
func declaredUUID(name string) uuid.UUID {
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte("authgate:service-type:"+name))
}

// target is a dial address with a normal host.
type target struct {
	host string
	port int
}

// String formats the target for error texts.
func (t target) String() string { return net.JoinHostPort(t.host, strconv.Itoa(t.port)) }

// serviceHost identifies the one method of a host in a service type. A struct, not joined texts: no two
// pairs may share a key (specs C3).
type serviceHost struct{ service, host string }

// candidate is a method that may be attached, with its service type. The zero value is none.
type candidate struct {
	m        *Method
	st       *ServiceType
	revision int64 // the method's, 0 for a declared one
}

// declarations are the validated, indexed contents of Declared. They never change.
type declarations struct {
	types    []*ServiceType
	methods  []*Method
	byName   map[string]*ServiceType
	byUUID   map[string]*ServiceType
	byHost   map[string][]*ServiceType
	byTarget map[target][]candidate
	byPair   map[serviceHost]*Method // normal host
}

func newDeclarations(decl Declared, now time.Time) (*declarations, error) {
	d := &declarations{
		byName: map[string]*ServiceType{}, byUUID: map[string]*ServiceType{}, byHost: map[string][]*ServiceType{},
		byTarget: map[target][]candidate{}, byPair: map[serviceHost]*Method{},
	}
	for _, v := range decl.ServiceTypes {
		if err := d.addType(v, now); err != nil {
			return nil, declaredError("service_type "+v.Name, err)
		}
	}
	for _, v := range decl.Methods {
		if err := d.addMethod(v, now); err != nil {
			return nil, declaredError(fmt.Sprintf("auth_method %s %s:%d", v.ServiceType, v.Method.Host, v.Method.Port), err)
		}
	}
	return d, nil
}

func (d *declarations) addType(v ServiceType, now time.Time) error {
	v.UUID, v.CreatedOn, v.UpdatedOn, v.Origin = declaredUUID(v.Name).String(), now, time.Time{}, OriginCaddyfile
	st, err := newServiceType(v)
	if err != nil {
		return err
	}
	if d.byName[st.Name] != nil {
		return exists(resServiceType, "name", st.Name)
	}
	d.types = append(d.types, st)
	d.byName[st.Name], d.byUUID[st.UUID] = st, st
	for _, host := range slices.Sorted(maps.Keys(st.spellings)) {
		d.byHost[host] = append(d.byHost[host], st)
	}
	return nil
}

func (d *declarations) addMethod(v DeclaredMethod, now time.Time) error {
	st := d.byName[v.ServiceType]
	if st == nil {
		return fault.New(fault.NotFound, "", "", "service type %s is not declared", v.ServiceType)
	}
	m := v.Method
	// The API ignores the field of the other kind; in a file it is a mistake worth stopping for.
	if st.AuthMethod == KindAPIKey && len(m.Headers) > 0 {
		return invalidField("headers", "The service type's auth_method is %s", st.AuthMethod)
	}
	if st.AuthMethod == KindHeaders && !m.AccessKey.Empty() {
		return invalidField("access_key", "The service type's auth_method is %s", st.AuthMethod)
	}
	m.UUID = uuid.NewSHA1(declaredUUID(st.Name), []byte(m.Host)).String()
	m.ServiceUUID, m.Type = st.UUID, st.AuthMethod
	m.CreatedOn, m.UpdatedOn, m.Origin = now, time.Time{}, OriginCaddyfile
	made, err := placeMethod(m, st)
	if err != nil {
		return err
	}
	pair := serviceHost{st.UUID, normalHost(made.Host)}
	if d.byPair[pair] != nil {
		return exists(resMethodTitle, "host", made.Host)
	}
	d.methods = append(d.methods, made)
	d.byPair[pair] = made
	t := target{pair.host, made.Port}
	d.byTarget[t] = append(d.byTarget[t], candidate{made, st, 0})
	return nil
}

// method returns the declared method of exactly this host in a service type, or nil.
func (d *declarations) method(service, host string) *Method {
	if m := d.byPair[serviceHost{service, normalHost(host)}]; m != nil && m.Host == host {
		return m
	}
	return nil
}

// shadows reports whether a declared method takes the place of the stored method m.
func (d *declarations) shadows(m *Method) bool {
	return len(d.byPair) > 0 && d.byPair[serviceHost{m.ServiceUUID, normalHost(m.Host)}] != nil
}

// declaredError names the Caddyfile's block and field. Their names are the API's but for "headers",
// which the file writes line by line.
func declaredError(block string, err error) error {
	var f *fault.Error
	if !errors.As(err, &f) {
		return fmt.Errorf("%s: %w", block, err)
	}
	field := f.Field
	if field == "headers" {
		field = "header"
	}
	return &fault.Error{Kind: fault.Invalid, Op: block, Field: field, Err: f.Err}
}
