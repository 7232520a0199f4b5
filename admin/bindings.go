package admin

import (
	"context"
	"net/http"

	"github.com/authgate/authgate/authmethods"
	"github.com/authgate/authgate/store"
)

// bindingBody is a binding as answers show it. The order of the fields is upstream's.
type bindingBody struct {
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
}

type bindingList struct {
	Bindings   []bindingBody `json:"bindings"`
	Unreadable int           `json:"unreadable,omitempty"` // ours: how many stored ones it leaves out (specs D5)
}

type bindingInput struct {
	Name           *string `json:"name"`
	ServiceUUID    *string `json:"service_uuid"`
	Host           *string `json:"host"`
	AuthIdentifier *string `json:"auth_identifier"`
	UniqueKey      *string `json:"unique_key"`
	AuthType       *string `json:"auth_type"`
}

func showBinding(b *authmethods.Binding) bindingBody {
	return bindingBody{
		Name: b.Name, ServiceUUID: b.ServiceUUID, Host: b.Host, UUID: b.UUID, AuthIdentifier: b.AuthIdentifier,
		UniqueKey: b.UniqueKey, AuthType: b.AuthType, CreatedOn: timestamp(b.CreatedOn),
		UpdatedOn: timestamp(b.UpdatedOn), LastAuth: timestamp(b.LastAuth),
	}
}

// createBinding takes the name from the path alone, as upstream does.
func (a *authMethodsAPI) createBinding(w http.ResponseWriter, r *http.Request, _ conditions) (outcome, error) {
	var in bindingInput
	if _, err := readJSON(w, r, &in); err != nil {
		return outcome{}, err
	}
	item, err := a.svc.CreateBinding(r.Context(), authmethods.Binding{
		Name: r.PathValue("binding"), ServiceUUID: deref(in.ServiceUUID), Host: deref(in.Host),
		AuthIdentifier: deref(in.AuthIdentifier), UniqueKey: deref(in.UniqueKey), AuthType: deref(in.AuthType),
	})
	if err != nil {
		return outcome{}, err
	}
	return outcome{id: item.ID, revision: item.Revision, code: http.StatusCreated, body: showBinding(item.Value)}, nil
}

func (a *authMethodsAPI) listBindings(ctx context.Context, _ *http.Request) (view, error) {
	return a.showBindings(a.svc.Bindings(ctx))
}

// listBindingsOf looks for one identity if the query has an authID; an empty one is none, as upstream.
func (a *authMethodsAPI) listBindingsOf(ctx context.Context, r *http.Request) (view, error) {
	query, err := parseQuery(r)
	if err != nil {
		return view{}, err
	}
	return a.showBindings(a.svc.BindingsOf(ctx, r.PathValue("service"), r.PathValue("host"), query.Get("authID")))
}

func (a *authMethodsAPI) showBindings(items []store.Item[*authmethods.Binding], err error) (view, error) {
	if err != nil {
		return view{}, err
	}
	list := bindingList{Bindings: make([]bindingBody, 0, len(items))}
	for _, item := range items {
		if item.Err != nil {
			a.unreadable(kindBinding, item.ID, item.Err)
			list.Unreadable++
			continue
		}
		list.Bindings = append(list.Bindings, showBinding(item.Value))
	}
	return view{body: list}, nil
}

func (a *authMethodsAPI) getBinding(ctx context.Context, r *http.Request) (view, error) {
	item, err := a.svc.Binding(ctx, r.PathValue("binding"))
	if err != nil {
		return view{}, err
	}
	return view{showBinding(item.Value), item.Revision}, nil
}

func (a *authMethodsAPI) updateBinding(w http.ResponseWriter, r *http.Request, c conditions) (outcome, error) {
	name := r.PathValue("binding")
	found, err := a.svc.Binding(r.Context(), name)
	if err != nil {
		return outcome{}, err
	}
	match, met := c.at(found.Revision)
	var in bindingInput
	if _, err := readJSON(w, r, &in); err != nil {
		return outcome{}, unlessMet(met, err)
	}
	item, err := a.svc.UpdateBinding(r.Context(), name, authmethods.BindingPatch(in), match)
	if err != nil {
		return outcome{}, err
	}
	return outcome{id: item.ID, revision: item.Revision, code: http.StatusOK, body: showBinding(item.Value)}, nil
}

func (a *authMethodsAPI) deleteBinding(_ http.ResponseWriter, r *http.Request, c conditions) (outcome, error) {
	name, match := r.PathValue("binding"), c.match
	if c.none != nil {
		found, err := a.svc.Binding(r.Context(), name)
		if err != nil {
			return outcome{}, err
		}
		match, _ = c.at(found.Revision)
	}
	item, err := a.svc.DeleteBinding(r.Context(), name, match)
	if err != nil {
		return outcome{}, err
	}
	return outcome{id: item.ID, revision: item.Revision, code: http.StatusNoContent}, nil
}
