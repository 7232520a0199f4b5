package admin

import (
	"context"
	"net/http"

	"github.com/authgate/authgate/authmethods"
)

// serviceTypeBody is a service type as answers show it. The order of the fields is upstream's.
type serviceTypeBody struct {
	Name       string   `json:"name"`
	Hosts      []string `json:"hosts"`
	AuthTypes  []string `json:"auth_types"`
	AuthMethod string   `json:"auth_method"`
	UUID       string   `json:"uuid"`
	CreatedOn  string   `json:"created_on"`
	UpdatedOn  string   `json:"updated_on,omitempty"`
	Type       string   `json:"type"`
	Origin     string   `json:"origin,omitempty"` // ours: where a read-only one is declared
}

type serviceTypeList struct {
	ServiceTypes []serviceTypeBody `json:"service_types"`
	Unreadable   int               `json:"unreadable,omitempty"` // ours: how many stored ones it leaves out (specs D5)
}

type serviceTypeInput struct {
	Name       *string  `json:"name"`
	Hosts      []string `json:"hosts"`
	AuthTypes  []string `json:"auth_types"`
	AuthMethod *string  `json:"auth_method"`
	Type       string   `json:"type"`
}

func showServiceType(st *authmethods.ServiceType) serviceTypeBody {
	return serviceTypeBody{
		Name: st.Name, Hosts: st.Hosts, AuthTypes: st.AuthTypes, AuthMethod: st.AuthMethod, UUID: st.UUID,
		CreatedOn: timestamp(st.CreatedOn), UpdatedOn: timestamp(st.UpdatedOn), Type: st.Type, Origin: st.Origin,
	}
}

func (a *authMethodsAPI) createServiceType(w http.ResponseWriter, r *http.Request, _ conditions) (outcome, error) {
	var in serviceTypeInput
	if _, err := readJSON(w, r, &in); err != nil {
		return outcome{}, err
	}
	item, err := a.svc.CreateServiceType(r.Context(), authmethods.ServiceType{
		Name: deref(in.Name), Hosts: in.Hosts, AuthTypes: in.AuthTypes, AuthMethod: deref(in.AuthMethod), Type: in.Type,
	})
	if err != nil {
		return outcome{}, err
	}
	return outcome{item.ID, item.Value.Name, item.Revision, http.StatusCreated, showServiceType(item.Value)}, nil
}

func (a *authMethodsAPI) listServiceTypes(ctx context.Context, _ *http.Request) (view, error) {
	items, err := a.svc.ServiceTypes(ctx)
	if err != nil {
		return view{}, err
	}
	list := serviceTypeList{ServiceTypes: make([]serviceTypeBody, 0, len(items))}
	for _, item := range items {
		if item.Err != nil {
			a.unreadable(kindServiceType, item.ID, item.Err)
			list.Unreadable++
			continue
		}
		list.ServiceTypes = append(list.ServiceTypes, showServiceType(item.Value))
	}
	return view{body: list}, nil
}

func (a *authMethodsAPI) getServiceType(ctx context.Context, r *http.Request) (view, error) {
	item, err := a.svc.ServiceType(ctx, r.PathValue("service"))
	if err != nil {
		return view{}, err
	}
	return view{showServiceType(item.Value), item.Revision}, nil
}

// updateServiceType looks the object up before it reads the body: 404 comes before 400 (specs C25).
func (a *authMethodsAPI) updateServiceType(w http.ResponseWriter, r *http.Request, c conditions) (outcome, error) {
	name := r.PathValue("service")
	found, err := a.svc.ServiceType(r.Context(), name)
	if err != nil {
		return outcome{}, err
	}
	match, met := c.at(found.Revision)
	var in serviceTypeInput
	given, err := readJSON(w, r, &in)
	if err != nil {
		return outcome{}, unlessMet(met, err)
	}
	patch := authmethods.ServiceTypePatch{Name: in.Name, AuthMethod: in.AuthMethod}
	// null clears a list, and so is refused as empty; it leaves a text as it is (specs/auth-methods 4.4).
	if given.has("hosts") {
		patch.Hosts = &in.Hosts
	}
	if given.has("auth_types") {
		patch.AuthTypes = &in.AuthTypes
	}
	item, err := a.svc.UpdateServiceType(r.Context(), name, patch, match)
	if err != nil {
		return outcome{}, err
	}
	return outcome{id: item.ID, revision: item.Revision, code: http.StatusOK, body: showServiceType(item.Value)}, nil
}

func (a *authMethodsAPI) deleteServiceType(_ http.ResponseWriter, r *http.Request, c conditions) (outcome, error) {
	name, match := r.PathValue("service"), c.match
	if c.none != nil {
		found, err := a.svc.ServiceType(r.Context(), name)
		if err != nil {
			return outcome{}, err
		}
		match, _ = c.at(found.Revision)
	}
	item, err := a.svc.DeleteServiceType(r.Context(), name, match)
	if err != nil {
		return outcome{}, err
	}
	return outcome{id: item.ID, revision: item.Revision, code: http.StatusNoContent}, nil
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
