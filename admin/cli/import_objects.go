package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
)

var errDeclared = errors.New("the gateway's Caddyfile declares it, and differently; change it there")

const whyDeclaredEqual = "the gateway's Caddyfile declares it, and equally"

func (d docType) body() map[string]any {
	return map[string]any{"name": d.Name, "hosts": d.Hosts, "auth_types": d.AuthTypes, "auth_method": d.AuthMethod, "type": d.Type}
}

func (d docType) equal(st *serviceType) bool {
	return d.Type == st.Type && d.AuthMethod == st.AuthMethod && slices.Equal(d.Hosts, st.Hosts) && slices.Equal(d.AuthTypes, st.AuthTypes)
}

func (i *importer) serviceType(ctx context.Context, d docType) (outcome, why string, err error) {
	stored := i.types[d.Name]
	switch {
	case stored == nil:
		st := &serviceType{Name: d.Name, Hosts: d.Hosts, AuthTypes: d.AuthTypes, AuthMethod: d.AuthMethod, Type: d.Type}
		if !i.dry {
			if st, err = i.api.doType(ctx, request{method: http.MethodPost, path: pathTypes, body: d.body()}); err != nil {
				return "", "", err
			}
			i.names[st.UUID] = st.Name
		}
		i.types[d.Name] = st
		return created, "", nil
	case d.equal(stored) && stored.Origin != "":
		return skipped, whyDeclaredEqual, nil
	case d.equal(stored):
		return unchanged, "", nil
	case stored.Origin != "":
		return "", "", errDeclared
	case d.Type != stored.Type:
		return "", "", fmt.Errorf("its type is %s there, and the document's is %s; a type cannot be changed", stored.Type, d.Type)
	}
	takes := slices.ContainsFunc(stored.Hosts, func(host string) bool { return !slices.Contains(d.Hosts, host) })
	now := stored
	if !i.dry {
		if now, err = i.freshType(ctx, stored); err == nil && takes {
			err = i.reload(ctx)
		}
	}
	if err == nil {
		err = i.stillNeeded(d, stored)
	}
	if err != nil {
		return "", "", err
	}
	if i.dry {
		changed := *stored
		changed.Hosts, changed.AuthTypes, changed.AuthMethod = d.Hosts, d.AuthTypes, d.AuthMethod
		i.types[d.Name] = &changed
		return updated, "", nil
	}
	if now, err = i.api.doType(ctx, request{method: http.MethodPut, path: pathType(d.Name), match: now.Revision, body: d.body()}); err != nil {
		return "", "", err
	}
	i.types[d.Name] = now
	return updated, "", nil
}

// stillNeeded refuses to take a host from a service type that something outside the document needs: its
// credential would be out of use, and requests to the host fail.
func (i *importer) stillNeeded(d docType, stored *serviceType) error {
	gone := func(host string) bool { return slices.Contains(stored.Hosts, host) && !slices.Contains(d.Hosts, host) }
	if slices.ContainsFunc(stored.Hosts, gone) && i.unread.any() {
		return fmt.Errorf("the document takes a host from it, and the gateway cannot read %s, which may need it; mend that first", i.unread)
	}
	for _, m := range i.methods {
		if m.ServiceUUID == stored.UUID && gone(m.Host) {
			return fmt.Errorf("the document takes the host %s from it, which has an auth method; delete that first", m.Host)
		}
	}
	for _, b := range i.bindings {
		moves := slices.ContainsFunc(i.doc.Bindings, func(other docBinding) bool { return other.Name == b.Name })
		if b.ServiceUUID == stored.UUID && gone(b.Host) && !moves {
			return fmt.Errorf("the document takes the host %s from it, which has the binding %s; delete that first", b.Host, b.Name)
		}
	}
	return nil
}

// typeWith returns the gateway's service type of a name, if it lists the host.
func (i *importer) typeWith(name, host string) (*serviceType, error) {
	st := i.types[name]
	if st == nil {
		return nil, fmt.Errorf("the gateway has no service type %s", name)
	}
	if !slices.Contains(st.Hosts, host) {
		return nil, fmt.Errorf("the gateway's service type %s does not list the host %s", name, host)
	}
	return st, nil
}

func (d docMethod) method() *method {
	return wireOf(d).method("")
}

func wireOf(d docMethod) methodWire {
	return methodWire{
		Host: d.Host, Port: d.Port, Type: d.Type, Path: d.Path, RetrievalField: d.RetrievalField,
		AccessKey: d.AccessKey, Headers: d.Headers,
	}
}

func (i *importer) method(ctx context.Context, d docMethod) (outcome, why string, err error) {
	st, err := i.typeWith(d.ServiceType, d.Host)
	if err != nil {
		return "", "", err
	}
	if d.Type != st.AuthMethod {
		return "", "", fmt.Errorf("it is of kind %s, and the gateway's service type takes %s", d.Type, st.AuthMethod)
	}
	wanted, withSecrets := d.method(), d.AccessKey != "" || len(d.Headers) > 0
	if !withSecrets && i.doc.Secrets == secretsIncluded {
		return "", "", errors.New("the document lacks its secret")
	}
	stored := i.storedMethod(st, d)
	switch {
	case stored == nil && !withSecrets:
		return "", "", fmt.Errorf("the document is redacted, and the gateway has no credential for it yet; store it with 'authgate admin authm set %s %s:%d'", d.ServiceType, d.Host, d.Port)
	case stored == nil:
		if !i.dry {
			_, err = i.api.doMethod(ctx, request{method: http.MethodPost, path: pathType(d.ServiceType) + "/authm", body: bodyOf(wanted, true)})
		}
		return created, "", err
	case sameMethod(stored, wanted, withSecrets) && stored.Origin != "":
		return skipped, whyDeclaredEqual, nil
	case sameMethod(stored, wanted, withSecrets):
		return unchanged, "", nil
	case stored.Origin != "":
		return "", "", errDeclared
	}
	if withSecrets && stored.hidden() {
		why = "the gateway hides its secrets, so it was written without knowing whether it differs"
	}
	if i.dry {
		return updated, why, nil
	}
	now, err := i.freshMethod(ctx, d.ServiceType, stored)
	if err != nil {
		return "", "", err
	}
	_, err = i.api.doMethod(ctx, request{method: http.MethodPut, path: pathMethod(d.ServiceType, d.Host), match: now.Revision, body: bodyOf(wanted, withSecrets)})
	return updated, why, err
}

// storedMethod returns the gateway's method of the same place and kind, or nil.
func (i *importer) storedMethod(st *serviceType, d docMethod) *method {
	at := slices.IndexFunc(i.methods, func(m *method) bool {
		return m.ServiceUUID == st.UUID && m.Host == d.Host && m.Type == d.Type
	})
	if at < 0 {
		return nil
	}
	return i.methods[at]
}

func (i *importer) binding(ctx context.Context, d docBinding) (outcome, why string, err error) {
	st, err := i.typeWith(d.ServiceType, d.Host)
	if err != nil {
		return "", "", err
	}
	body := map[string]any{
		"service_uuid": st.UUID, "host": d.Host, "auth_type": d.AuthType, "auth_identifier": d.AuthIdentifier, "unique_key": d.UniqueKey,
	}
	stored := i.bindings[d.Name]
	if stored == nil {
		if !i.dry {
			_, err = i.api.doBinding(ctx, request{method: http.MethodPost, path: pathBinding(d.Name), body: body})
		}
		return created, "", err
	}
	same := docBinding{stored.Name, i.names[stored.ServiceUUID], stored.Host, stored.AuthType, stored.AuthIdentifier, stored.UniqueKey} == d
	switch {
	case same && stored.Origin != "":
		return skipped, whyDeclaredEqual, nil
	case same:
		return unchanged, "", nil
	case stored.Origin != "":
		return "", "", errDeclared
	case i.dry:
		return updated, "", nil
	}
	now, err := i.freshBinding(ctx, stored)
	if err != nil {
		return "", "", err
	}
	_, err = i.api.doBinding(ctx, request{method: http.MethodPut, path: pathBinding(d.Name), match: now.Revision, body: body})
	return updated, "", err
}
