package seal_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/authgate/authgate/store/seal"
)

const (
	name  = "/authgate/auth-methods/r/1"
	plain = `{"v":1}` + "\n" + `{"access_key":"the-secret-of-the-record"}`
)

func sealed(t testing.TB, r *seal.Keyring, text, name string) []byte {
	t.Helper()
	value, err := r.Seal([]byte(text), name)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func TestSealAndOpen(t *testing.T) {
	t.Parallel()
	a, b := newKey(t), newKey(t)
	for caseName, text := range map[string]string{"record": plain, "empty": "", "large": strings.Repeat("x", 1<<20)} {
		value := sealed(t, ring(t, a), text, name)
		if id, ok := seal.Sealed(value); !ok || id != a.ID() {
			t.Errorf("%s: sealed by %q, %v", caseName, id, ok)
		}
		if bytes.Contains(value, []byte("the-secret")) || bytes.Contains(value, []byte(name)) {
			t.Errorf("%s: the envelope shows its content", caseName)
		}
		for _, r := range []*seal.Keyring{ring(t, a), ring(t, a, b), ring(t, b, a)} {
			if got, err := r.Open(value, name); err != nil || string(got) != text {
				t.Errorf("%s: opened to %.40q, %v", caseName, got, err)
			}
		}
		if bytes.Equal(value, sealed(t, ring(t, a), text, name)) {
			t.Errorf("%s: sealed twice to the same bytes", caseName)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	a, b, c := newKey(t), newKey(t), newKey(t)
	r := ring(t, a, b)
	value := sealed(t, r, plain, name)
	other := sealed(t, r, plain, "/authgate/auth-methods/r/2")
	renamed := bytes.Replace(value, []byte(a.ID()), []byte(b.ID()), 1)
	for caseName, at := range map[string]struct {
		value []byte
		name  string
		want  error
	}{
		"name of another record":   {other, name, seal.ErrTampered},
		"name of another prefix":   {value, "/other/auth-methods/r/1", seal.ErrTampered},
		"name cut":                 {value, name[:len(name)-1], seal.ErrTampered},
		"no name":                  {value, "", seal.ErrTampered},
		"unknown key":              {sealed(t, ring(t, c), plain, name), name, seal.ErrUnknownKey},
		"key id of another key":    {renamed, name, seal.ErrTampered},
		"trailing byte":            {append(bytes.Clone(value), 0), name, seal.ErrTampered},
		"twice":                    {append(bytes.Clone(value), value...), name, seal.ErrTampered},
		"sealed in sealed":         {sealed(t, r, string(value), "/other"), name, seal.ErrTampered},
		"data key of another":      {append(bytes.Clone(value[:93]), other[93:]...), name, seal.ErrTampered},
		"content of another":       {append(bytes.Clone(other[:93]), value[93:]...), name, seal.ErrTampered},
		"data key of the same one": {append(bytes.Clone(value[:93]), sealed(t, r, plain, name)[93:]...), name, seal.ErrTampered},
		"clear":                    {[]byte(plain), name, seal.ErrNotSealed},
		"nothing":                  {nil, name, seal.ErrNotSealed},
		"leading byte":             {append([]byte{' '}, value...), name, seal.ErrNotSealed},
		"other version":            {bytes.Replace(value, []byte(":1:"), []byte(":2:"), 1), name, seal.ErrNotSealed},
	} {
		t.Run(caseName, func(t *testing.T) {
			t.Parallel()
			got, err := r.Open(at.value, at.name)
			if got != nil || !errors.Is(err, at.want) {
				t.Errorf("opened to %q, %v; want %v", got, err, at.want)
			}
			if err != nil && strings.ContainsAny(err.Error(), `{}"`) {
				t.Errorf("the error holds content: %v", err)
			}
		})
	}
}

// TestEveryBitCounts changes each bit of an envelope, and cuts it at each length.
func TestEveryBitCounts(t *testing.T) {
	t.Parallel()
	a, b := newKey(t), newKey(t)
	r := ring(t, a, b)
	value := sealed(t, r, plain, name)
	for i := range value {
		for bit := range 8 {
			changed := bytes.Clone(value)
			changed[i] ^= 1 << bit
			if got, err := r.Open(changed, name); err == nil || got != nil {
				t.Errorf("byte %d, bit %d: opened to %q, %v", i, bit, got, err)
			}
		}
		if got, err := r.Open(value[:i], name); err == nil || got != nil {
			t.Errorf("cut to %d bytes: opened to %q, %v", i, got, err)
		}
	}
}

// FuzzOpen: whatever lies in the store, only what the key sealed under this name opens.
func FuzzOpen(f *testing.F) {
	key, err := seal.NewKey()
	if err != nil {
		f.Fatal(err)
	}
	r := ring(f, key)
	value := sealed(f, r, plain, name)
	f.Add(value, name)
	f.Add(value[:60], name)
	f.Add([]byte("authgate-seal:1:"+key.ID()+":"), name)
	f.Add([]byte(plain), name)
	f.Add([]byte{}, "")
	f.Fuzz(func(t *testing.T, data []byte, at string) {
		seal.Sealed(data)
		got, err := r.Open(data, at)
		if genuine := bytes.Equal(data, value) && at == name; genuine != (err == nil) {
			t.Errorf("opened to %q, %v", got, err)
		}
		again, err := r.Open(sealed(t, r, string(data), at), at)
		if err != nil || !bytes.Equal(again, data) {
			t.Errorf("sealed %q and opened %q, %v", data, again, err)
		}
	})
}
