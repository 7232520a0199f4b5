package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/authgate/authgate/admin/audit"
	"github.com/authgate/authgate/authmethods"
	"github.com/authgate/authgate/authn"
	"github.com/authgate/authgate/internal/secret"
)

// The names of the APIs, as Deps.APIs takes them.
const (
	APIAuthMethods = "authmethods"
)

// Names returns the names of all APIs.
func Names() []string { return []string{APIAuthMethods} }

// Deps are what the management APIs work on.
type Deps struct {
	AuthMethods   *authmethods.Service            // what the authmethods API serves
	ClientCerts   *authn.ClientCerts              // judges the certificates of :authx509; required with AuthMethods
	AdminKey      secret.String                   // the ?key= and bearer of the auth-method API; empty refuses everybody
	RedactSecrets bool                            // answers show "REDACTED" for access keys and header values
	Ready         func(ctx context.Context) error // what /readyz reports; nil is never ready
	Audit         *audit.Log                      // required; gets every accepted and refused write
	Version       VersionInfo                     // what /v1/version tells
	Logger        *zap.Logger                     // required
	Now           func() time.Time                // nil: time.Now
	APIs          []string                        // the names of the APIs to mount; empty for all
}

// mounter is one API: it registers its routes.
type mounter interface{ mount(*router) }

// New returns the handler of the management APIs. It holds no state of its own and starts nothing, so
// there is nothing to close. It is safe for concurrent use. It fails if the Deps name an API that does
// not exist or lack what one needs.
func New(d Deps) (http.Handler, error) {
	if d.Logger == nil {
		return nil, errors.New("admin: Logger is required")
	}
	if d.Audit == nil {
		return nil, errors.New("admin: Audit is required")
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	for _, name := range d.APIs {
		if !slices.Contains(Names(), name) {
			return nil, fmt.Errorf("admin: no API is called %q; there are %s", name, strings.Join(Names(), ", "))
		}
	}
	wanted := func(name string) bool { return len(d.APIs) == 0 || slices.Contains(d.APIs, name) }
	shared := api{guard: guard{key: d.AdminKey}, audit: d.Audit, log: d.Logger, now: d.Now}
	doc, err := newDocument(d.APIs)
	if err != nil {
		return nil, err
	}
	apis := []mounter{
		doc,
		&probes{ready: d.Ready, guard: shared.guard, version: d.Version, log: d.Logger},
		&auditAPI{shared},
	}
	if wanted(APIAuthMethods) {
		if d.AuthMethods == nil {
			return nil, errors.New("admin: AuthMethods is required")
		}
		if d.ClientCerts == nil {
			return nil, errors.New("admin: ClientCerts is required")
		}
		apis = append(apis, &authMethodsAPI{api: shared, svc: d.AuthMethods, certs: d.ClientCerts, redact: d.RedactSecrets})
	}
	r := newRouter()
	for _, api := range apis {
		api.mount(r)
	}
	return r, nil
}
