package cli

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/authgate/authgate/internal/secret"
)

// serviceType is a service type as the API shows it, and as -o json does.
type serviceType struct {
	Name       string   `json:"name"`
	Hosts      []string `json:"hosts"`
	AuthTypes  []string `json:"auth_types"`
	AuthMethod string   `json:"auth_method"`
	Type       string   `json:"type"`
	UUID       string   `json:"uuid"`
	CreatedOn  string   `json:"created_on"`
	UpdatedOn  string   `json:"updated_on,omitempty"`
	Origin     string   `json:"origin,omitempty"`
	Revision   string   `json:"revision,omitempty"` // of the ETag
}

// binding is a binding as the API shows it, and as -o json does.
type binding struct {
	Name           string `json:"name"`
	ServiceUUID    string `json:"service_uuid"`
	Host           string `json:"host"`
	UUID           string `json:"uuid"`
	AuthIdentifier string `json:"auth_identifier"`
	UniqueKey      string `json:"unique_key"`
	AuthType       string `json:"auth_type"`
	CreatedOn      string `json:"created_on"`
	UpdatedOn      string `json:"updated_on,omitempty"`
	LastAuth       string `json:"last_auth,omitempty"`
	Origin         string `json:"origin,omitempty"`
	Revision       string `json:"revision,omitempty"` // of the ETag
}

// method is an auth method. Its secrets cannot be printed by accident.
type method struct {
	ServiceUUID, Host, Type, UUID, CreatedOn, UpdatedOn, Path, RetrievalField, Origin, Revision string

	Port      int
	AccessKey secret.String
	Headers   map[string]secret.String
}

// methodWire is an auth method as the API shows it.
type methodWire struct {
	ServiceUUID    string            `json:"service_uuid"`
	Port           int               `json:"port"`
	Host           string            `json:"host"`
	Type           string            `json:"type"`
	UUID           string            `json:"uuid"`
	CreatedOn      string            `json:"created_on"`
	UpdatedOn      string            `json:"updated_on"`
	Path           string            `json:"path"`
	RetrievalField string            `json:"retrieval_field"`
	Origin         string            `json:"origin"`
	AccessKey      string            `json:"access_key"`
	Headers        map[string]string `json:"headers"`
}

func (w methodWire) method(revision string) *method {
	return &method{
		ServiceUUID: w.ServiceUUID, Port: w.Port, Host: w.Host, Type: w.Type, UUID: w.UUID, CreatedOn: w.CreatedOn,
		UpdatedOn: w.UpdatedOn, Path: w.Path, RetrievalField: w.RetrievalField, Origin: w.Origin, Revision: revision,
		AccessKey: secret.New(w.AccessKey), Headers: wrap(w.Headers),
	}
}

func wrap(texts map[string]string) map[string]secret.String {
	if texts == nil {
		return nil
	}
	secrets := make(map[string]secret.String, len(texts))
	for name, text := range texts {
		secrets[name] = secret.New(text)
	}
	return secrets
}

func reveal(secrets map[string]secret.String) map[string]string {
	if secrets == nil {
		return nil
	}
	texts := make(map[string]string, len(secrets))
	for name, s := range secrets {
		texts[name] = s.Reveal()
	}
	return texts
}

// hidden reports whether the server keeps the secrets of its answers to itself.
func (m *method) hidden() bool {
	if m.AccessKey.Reveal() == secret.Redacted {
		return true
	}
	for _, v := range m.Headers {
		if v.Reveal() == secret.Redacted {
			return true
		}
	}
	return false
}

const pathTypes, pathMethods, pathBindings = "/v1/service-types", "/v1/authm", "/v1/bindings"

func pathType(name string) string { return pathTypes + segments(name) }
func pathMethod(service, host string) string {
	return pathType(service) + "/hosts" + segments(host) + "/authm"
}
func pathBinding(name string) string { return pathBindings + segments(name) }

// The lists come with the number of objects they leave out because the gateway cannot read them.

func (a *api) serviceTypes(ctx context.Context) (types []serviceType, unread int, err error) {
	var list struct {
		ServiceTypes []serviceType `json:"service_types"`
		Unreadable   int           `json:"unreadable"`
	}
	_, err = a.do(ctx, request{method: http.MethodGet, path: pathTypes}, &list)
	slices.SortFunc(list.ServiceTypes, func(a, b serviceType) int { return strings.Compare(a.Name, b.Name) })
	return list.ServiceTypes, list.Unreadable, err
}

func (a *api) methods(ctx context.Context) (methods []*method, unread int, err error) {
	var list struct {
		AuthMethods []methodWire `json:"auth_methods"`
		Unreadable  int          `json:"unreadable"`
	}
	_, err = a.do(ctx, request{method: http.MethodGet, path: pathMethods}, &list)
	methods = make([]*method, 0, len(list.AuthMethods))
	for _, w := range list.AuthMethods {
		methods = append(methods, w.method(""))
	}
	return methods, list.Unreadable, err
}

func (a *api) bindings(ctx context.Context, path string, query url.Values) (bindings []binding, unread int, err error) {
	var list struct {
		Bindings   []binding `json:"bindings"`
		Unreadable int       `json:"unreadable"`
	}
	_, err = a.do(ctx, request{method: http.MethodGet, path: path, query: query}, &list)
	slices.SortFunc(list.Bindings, func(a, b binding) int { return strings.Compare(a.Name, b.Name) })
	return list.Bindings, list.Unreadable, err
}

// doType sends a request that is answered with a service type.
func (a *api) doType(ctx context.Context, r request) (*serviceType, error) {
	st := new(serviceType)
	revision, err := a.do(ctx, r, st)
	st.Revision = revision
	return st, err
}

// doMethod sends a request that is answered with an auth method.
func (a *api) doMethod(ctx context.Context, r request) (*method, error) {
	var w methodWire
	revision, err := a.do(ctx, r, &w)
	return w.method(revision), err
}

// doBinding sends a request that is answered with a binding.
func (a *api) doBinding(ctx context.Context, r request) (*binding, error) {
	b := new(binding)
	revision, err := a.do(ctx, r, b)
	b.Revision = revision
	return b, err
}

// namesOf maps the UUIDs of service types to their names.
func namesOf(types []serviceType) map[string]string {
	names := make(map[string]string, len(types))
	for _, st := range types {
		names[st.UUID] = st.Name
	}
	return names
}
