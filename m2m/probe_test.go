package m2m_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/authgate/authgate/authn/authntest"
	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/internal/secret"
	"github.com/authgate/authgate/m2m"
)

// TestProbeWithBearer: clusters that show their keys to nobody are asked with a token of their own, and no
// other issuer gets to see it.
func TestProbeWithBearer(t *testing.T) {
	t.Parallel()
	idp := authntest.New(t, authntest.WithTLS())
	own := idp.Token(t, nil)
	idp.SetFault(authntest.Fault{Bearer: own})
	r := newRig(t)
	deps := m2m.Deps{AllowPrivateAddresses: true, CAFile: idp.CAFile(t)}
	put := func(typ string) error {
		_, err := r.svc.Put(r.ctx, unknown, generic(of(idp.URL), func(c *m2m.Config) { c.Type = typ }), asked, nil)
		return err
	}
	r.svc = r.configure(deps)
	wantKind(t, put(m2m.TypeKubeServiceAccount), fault.Invalid)
	deps.DiscoveryBearer = func() (secret.String, error) { return secret.New(own), nil }
	r.svc = r.configure(deps)
	wantKind(t, put(m2m.TypeGeneric), fault.Invalid)
	if n := idp.Bearers(); n != 0 {
		t.Errorf("%d bearers sent for type GENERIC", n)
	}
	if err := put(m2m.TypeKubeServiceAccount); err != nil {
		t.Error(err)
	}
}

// TestProbeWithoutCA: a CA file that has gone is no fault of the client, and nothing is written.
func TestProbeWithoutCA(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.svc = r.configure(m2m.Deps{CAFile: filepath.Join(t.TempDir(), "LEAK")})
	for _, o := range []m2m.WriteOptions{asked, unasked} {
		_, err := r.svc.Put(r.ctx, unknown, generic(), o, nil)
		wantError(t, err, fault.Unavailable, m2m.CodeUnavailable,
			`creating token exchanger for config `+unknown+`: creating OIDC provider for issuer "https://idp.example": the CA file cannot be read`)
	}
	r.wantConfigs()
}

// TestProbeAfterTheCallerHasGone: who goes away gets an error that may pass, and no config.
func TestProbeAfterTheCallerHasGone(t *testing.T) {
	t.Parallel()
	idp := authntest.New(t, authntest.WithTLS())
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	idp.SetFault(authntest.Fault{Hang: release})
	r := newRig(t)
	r.svc = r.configure(m2m.Deps{AllowPrivateAddresses: true, CAFile: idp.CAFile(t)})
	ctx, cancel := context.WithTimeout(r.ctx, 50*time.Millisecond)
	defer cancel()
	_, err := r.svc.Put(ctx, unknown, generic(of(idp.URL)), asked, nil)
	wantKind(t, err, fault.Unavailable)
	r.wantConfigs()
}

// TestUnreadableRole: it cannot be told what it allows, so nobody gets it (specs D5).
func TestUnreadableRole(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.role("R", nil)
	r.overwrite("roles/r/R", `{"LEAK"`)
	_, err := r.svc.Create(r.ctx, generic(gives("R")), unasked)
	if wantKind(t, err, fault.Unavailable); strings.Contains(err.Error(), "LEAK") {
		t.Errorf("got %v", err)
	}
	r.wantConfigs()
}
