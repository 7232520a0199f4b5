package authmethods_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/authgate/authgate/authmethods"
	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/internal/secret"
	"github.com/authgate/authgate/store"
)

// TestSecretInPath: no way to write a path template takes a secret, and one that was stored before that was
// refused is still read, so that it can be mended.
func TestSecretInPath(t *testing.T) {
	t.Parallel()
	rig := newRig(t, authmethods.Declared{})
	rig.serviceType("s", authmethods.KindAPIKey, "h")
	bad, good := "/?key="+key, "/?key={{access_key}}"
	rig.method("s", authmethods.Method{Host: "h", Port: 443, AccessKey: secret.New(key), Path: "/?kex=" + key})
	_, err := rig.svc.UpdateMethod(rig.ctx, "s", "h", authmethods.MethodPatch{Path: &bad}, nil)
	wantKind(t, err, fault.Invalid, key)
	_, err = authmethods.New(rig.rec, authmethods.Declared{
		ServiceTypes: []authmethods.ServiceType{serviceType("d", authmethods.KindAPIKey, "h")},
		Methods: []authmethods.DeclaredMethod{{ServiceType: "d", Method: authmethods.Method{
			Host: "h", Port: 443, AccessKey: secret.New(key), Path: bad,
		}}},
	}, authmethods.Deps{Now: time.Now})
	wantKind(t, err, fault.Invalid, key)

	at := "auth-methods/r/" + rig.id("s", "h")
	kv, _, err := rig.mem.Get(rig.ctx, at)
	if err != nil {
		t.Fatal(err)
	}
	revision, err := rig.mem.Txn(rig.ctx, nil, []store.Op{{Key: at, Value: bytes.Replace(kv.Value, []byte("kex="), []byte("key="), 1)}})
	if err != nil {
		t.Fatal(err)
	}
	if err := rig.feed.Wait(rig.ctx, revision); err != nil {
		t.Fatal(err)
	}
	if item, err := rig.svc.Method(rig.ctx, "s", "h"); err != nil || item.Value.Path != bad {
		t.Fatalf("a stored one: %v, %v", item.Value, err)
	}
	if _, err := rig.svc.UpdateMethod(rig.ctx, "s", "h", authmethods.MethodPatch{Path: &good}, nil); err != nil {
		t.Error(err)
	}
}
