package admin

import (
	"context"
	"net/http"
	"time"

	"github.com/authgate/authgate/authmethods"
	"github.com/authgate/authgate/internal/secret"
	"github.com/authgate/authgate/store"
)

// methodBody is an auth method as answers show it, secrets included: upstream's samples do, and its
// clients read them back (specs/auth-methods 4.8). The order of the fields is upstream's.
type methodBody struct {
	ServiceUUID    string            `json:"service_uuid"`
	Port           int               `json:"port"`
	Host           string            `json:"host"`
	Type           string            `json:"type"`
	UUID           string            `json:"uuid"`
	CreatedOn      string            `json:"created_on"`
	UpdatedOn      string            `json:"updated_on,omitempty"`
	Path           string            `json:"path,omitempty"`
	RetrievalField string            `json:"retrieval_field,omitempty"`
	Origin         string            `json:"origin,omitempty"` // ours: where a read-only one is declared
	AccessKey      string            `json:"access_key,omitempty"`
	Headers        map[string]string `json:"headers,omitempty"`
}

type methodList struct {
	AuthMethods []methodBody `json:"auth_methods"`
	Unreadable  int          `json:"unreadable,omitempty"` // ours: how many stored ones it leaves out (specs D5)
}

type methodInput struct {
	ServiceUUID    *string           `json:"service_uuid"`
	Port           *int              `json:"port"`
	Host           *string           `json:"host"`
	Path           *string           `json:"path"`
	RetrievalField *string           `json:"retrieval_field"`
	AccessKey      *string           `json:"access_key"`
	Headers        map[string]string `json:"headers"`
}

func (a *authMethodsAPI) showMethod(m *authmethods.Method) methodBody {
	b := methodBody{
		ServiceUUID: m.ServiceUUID, Port: m.Port, Host: m.Host, Type: m.Type, UUID: m.UUID,
		CreatedOn: timestamp(m.CreatedOn), UpdatedOn: timestamp(m.UpdatedOn), Path: m.Path,
		RetrievalField: m.RetrievalField, Origin: m.Origin, AccessKey: a.reveal(m.AccessKey),
	}
	if m.Headers != nil {
		b.Headers = make(map[string]string, len(m.Headers))
		for name, value := range m.Headers {
			b.Headers[name] = a.reveal(value)
		}
	}
	return b
}

// reveal returns the text an answer shows for a credential.
func (a *authMethodsAPI) reveal(s secret.String) string {
	if a.redact && !s.Empty() {
		return secret.Redacted
	}
	return s.Reveal()
}

// checkRedacted refuses to store what answers show in the place of a credential: a client that changes
// what it read and writes it back would replace the credential by that word.
func (a *authMethodsAPI) checkRedacted(in *methodInput) error {
	if !a.redact {
		return nil
	}
	const reason = "REDACTED stands for a value that is not shown; leave the field out to keep it"
	if deref(in.AccessKey) == secret.Redacted {
		return invalidInput("access_key", reason)
	}
	for _, value := range in.Headers {
		if value == secret.Redacted {
			return invalidInput("headers", reason)
		}
	}
	return nil
}

// secrets wraps the header values; nil stays nil.
func (in *methodInput) secrets() map[string]secret.String {
	if in.Headers == nil {
		return nil
	}
	headers := make(map[string]secret.String, len(in.Headers))
	for name, value := range in.Headers {
		headers[name] = secret.New(value)
	}
	return headers
}

// createMethod looks the service type up before it reads the body, as upstream does.
func (a *authMethodsAPI) createMethod(w http.ResponseWriter, r *http.Request, _ conditions) (outcome, error) {
	service := r.PathValue("service")
	if _, err := a.svc.ServiceType(r.Context(), service); err != nil {
		return outcome{}, err
	}
	var in methodInput
	if _, err := readJSON(w, r, &in); err != nil {
		return outcome{}, err
	}
	if err := a.checkRedacted(&in); err != nil {
		return outcome{}, err
	}
	m := authmethods.Method{
		Host: deref(in.Host), AccessKey: secret.New(deref(in.AccessKey)), Headers: in.secrets(),
		Path: deref(in.Path), RetrievalField: deref(in.RetrievalField),
	}
	if in.Port != nil {
		m.Port = *in.Port
	}
	item, err := a.svc.CreateMethod(r.Context(), service, m)
	if err != nil {
		return outcome{}, err
	}
	return outcome{item.ID, service + "/" + item.Value.Host, item.Revision, http.StatusCreated, a.showMethod(item.Value)}, nil
}

func (a *authMethodsAPI) listMethods(ctx context.Context, _ *http.Request) (view, error) {
	items, err := a.svc.Methods(ctx)
	if err != nil {
		return view{}, err
	}
	list := methodList{AuthMethods: make([]methodBody, 0, len(items))}
	for _, item := range items {
		if item.Err != nil {
			a.unreadable(kindMethod, item.ID, item.Err)
			list.Unreadable++
			continue
		}
		list.AuthMethods = append(list.AuthMethods, a.showMethod(item.Value))
	}
	return view{body: list}, nil
}

func (a *authMethodsAPI) getMethod(ctx context.Context, r *http.Request) (view, error) {
	item, err := a.svc.Method(ctx, r.PathValue("service"), r.PathValue("host"))
	if err != nil {
		return view{}, err
	}
	return view{a.showMethod(item.Value), item.Revision}, nil
}

func (a *authMethodsAPI) updateMethod(w http.ResponseWriter, r *http.Request, c conditions) (outcome, error) {
	service, host := r.PathValue("service"), r.PathValue("host")
	found, err := a.svc.Method(r.Context(), service, host)
	if err != nil {
		return outcome{}, err
	}
	match, met := c.at(found.Revision)
	patch, err := a.readMethodPatch(w, r)
	if err != nil {
		return outcome{}, unlessMet(met, err)
	}
	return a.patchMethod(r.Context(), service, host, patch, match)
}

// updateSoleMethod is the PUT without a host in its path that the published documentation shows (D2):
// the body's host names the method, or else it must be the service type's only one. It never guesses.
func (a *authMethodsAPI) updateSoleMethod(w http.ResponseWriter, r *http.Request, c conditions) (outcome, error) {
	service := r.PathValue("service")
	if _, err := a.svc.ServiceType(r.Context(), service); err != nil {
		return outcome{}, err
	}
	patch, err := a.readMethodPatch(w, r)
	if err != nil {
		return outcome{}, err
	}
	var host string
	if patch.Host != nil {
		host = *patch.Host
	} else if host, err = a.svc.SoleHost(r.Context(), service); err != nil {
		return outcome{}, err
	}
	found, err := a.svc.Method(r.Context(), service, host)
	if err != nil {
		return outcome{}, err
	}
	match, _ := c.at(found.Revision)
	return a.patchMethod(r.Context(), service, host, patch, match)
}

func (a *authMethodsAPI) patchMethod(ctx context.Context, service, host string, patch authmethods.MethodPatch, match store.Match) (outcome, error) {
	item, err := a.svc.UpdateMethod(ctx, service, host, patch, match)
	if err != nil {
		return outcome{}, err
	}
	return outcome{id: item.ID, name: service + "/" + host, revision: item.Revision, code: http.StatusOK, body: a.showMethod(item.Value)}, nil
}

func (a *authMethodsAPI) readMethodPatch(w http.ResponseWriter, r *http.Request) (authmethods.MethodPatch, error) {
	var in methodInput
	given, err := readJSON(w, r, &in)
	if err == nil {
		err = a.checkRedacted(&in)
	}
	patch := authmethods.MethodPatch{
		ServiceUUID: in.ServiceUUID, Host: in.Host, Port: in.Port, Path: in.Path, RetrievalField: in.RetrievalField,
	}
	if in.AccessKey != nil {
		key := secret.New(*in.AccessKey)
		patch.AccessKey = &key
	}
	if given.has("headers") { // as a whole; null and {} are refused as empty (specs/auth-methods 4.4)
		headers := in.secrets()
		patch.Headers = &headers
	}
	return patch, err
}

func (a *authMethodsAPI) deleteMethod(_ http.ResponseWriter, r *http.Request, c conditions) (outcome, error) {
	service, host, match := r.PathValue("service"), r.PathValue("host"), c.match
	if c.none != nil {
		found, err := a.svc.Method(r.Context(), service, host)
		if err != nil {
			return outcome{}, err
		}
		match, _ = c.at(found.Revision)
	}
	item, err := a.svc.DeleteMethod(r.Context(), service, host, match)
	if err != nil {
		return outcome{}, err
	}
	return outcome{id: item.ID, revision: item.Revision, code: http.StatusNoContent}, nil
}

// timestamp formats a time as the API does: UTC, whole seconds; nothing for the zero time.
func timestamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05Z")
}
