package cli

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"reflect"

	"github.com/authgate/authgate/internal/secret"
)

// Lists carry no revisions, so an object is read once more before it is written: for the revision, and to
// find out whether it still is what the decision to write it was made on. Without the latter, the write
// would silently undo what somebody else did since the lists were read.

var errMeanwhile = errors.New("changed meanwhile, import again")

// freshType returns the service type as it is now, with its revision, if it is what was judged.
func (i *importer) freshType(ctx context.Context, judged *serviceType) (*serviceType, error) {
	now, err := i.api.doType(ctx, request{method: http.MethodGet, path: pathType(judged.Name)})
	if err != nil {
		return nil, vanished(err)
	}
	a, b := *judged, *now
	a.Revision, b.Revision = "", ""
	if !reflect.DeepEqual(a, b) {
		return nil, errMeanwhile
	}
	return now, nil
}

// freshMethod is freshType for an auth method. A secret that the server hides is compared by the time of
// the last change alone.
func (i *importer) freshMethod(ctx context.Context, service string, judged *method) (*method, error) {
	now, err := i.api.doMethod(ctx, request{method: http.MethodGet, path: pathMethod(service, judged.Host)})
	if err != nil {
		return nil, vanished(err)
	}
	same := now.UUID == judged.UUID && now.ServiceUUID == judged.ServiceUUID && now.Type == judged.Type &&
		now.Origin == judged.Origin && now.UpdatedOn == judged.UpdatedOn && now.Host == judged.Host &&
		now.Port == judged.Port && now.Path == judged.Path && now.RetrievalField == judged.RetrievalField &&
		now.AccessKey.Equal(judged.AccessKey) && maps.EqualFunc(now.Headers, judged.Headers, secret.String.Equal)
	if !same {
		return nil, errMeanwhile
	}
	return now, nil
}

// freshBinding is freshType for a binding. That somebody used it meanwhile changes nothing.
func (i *importer) freshBinding(ctx context.Context, judged *binding) (*binding, error) {
	now, err := i.api.doBinding(ctx, request{method: http.MethodGet, path: pathBinding(judged.Name)})
	if err != nil {
		return nil, vanished(err)
	}
	a, b := *judged, *now
	a.Revision, b.Revision, a.LastAuth, b.LastAuth = "", "", "", ""
	if a != b {
		return nil, errMeanwhile
	}
	return now, nil
}

// vanished is the error of reading an object that was there a moment ago.
func vanished(err error) error {
	if isStatus(err, http.StatusNotFound) {
		return errMeanwhile
	}
	return err
}

// reload reads again what hangs on service types: what stillNeeded judges has to be as new as the service
// type that is about to lose a host.
func (i *importer) reload(ctx context.Context) error {
	methods, unreadMethods, err := i.api.methods(ctx)
	if err != nil {
		return err
	}
	bindings, unreadBindings, err := i.api.bindings(ctx, pathBindings, nil)
	if err != nil {
		return err
	}
	i.hold(methods, bindings, unreadable{methods: unreadMethods, bindings: unreadBindings})
	return nil
}
