package seal_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/authgate/authgate/store/seal"
)

func newKey(t testing.TB) seal.Key {
	t.Helper()
	key, err := seal.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func ring(t testing.TB, first seal.Key, others ...seal.Key) *seal.Keyring {
	t.Helper()
	r, err := seal.NewKeyring(first, others...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func encoded(raw []byte) string { return base64.StdEncoding.EncodeToString(raw) }

func counted() []byte {
	raw := make([]byte, 32)
	for i := range raw {
		raw[i] = byte(7 * i)
	}
	return raw
}

func TestParseKey(t *testing.T) {
	t.Parallel()
	good := newKey(t)
	text := good.Encode().Reveal()
	for name, c := range map[string]struct {
		text string
		ok   bool
	}{
		"plain":              {text, true},
		"line break":         {text + "\n", true},
		"windows line break": {text + "\r\n", true},
		"empty":              {"", false},
		"line break only":    {"\n", false},
		"two lines":          {text + "\n" + text + "\n", false},
		"empty second line":  {text + "\n\n", false},
		"line break inside":  {text[:10] + "\n" + text[10:], false},
		"space":              {" " + text, false},
		"no padding":         {strings.TrimRight(text, "="), false},
		"url alphabet":       {strings.Repeat("_", 43) + "=", false},
		"trailing bits":      {strings.Repeat("/", 43) + "=", false},
		"short":              {encoded(make([]byte, 31)), false},
		"long":               {encoded([]byte(text)[:33]), false},
		"hex":                {strings.Repeat("0a1b", 16), false},
		"A2_zeros":           {encoded(make([]byte, 32)), false},
		"A2_counted":         {encoded(counted()), false},
		"A2_typed":           {encoded([]byte("correct-horse-battery-staple-1234")[:32]), false},
		"A2_repeated":        {encoded(bytes.Repeat([]byte{1, 200, 30, 4, 99, 6, 7, 8}, 4)), false},
		"A2_placeholder":     {"<the line that openssl printed>", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			key, err := seal.ParseKey(c.text)
			if (err == nil) != c.ok {
				t.Fatalf("error %v, want one: %v", err, !c.ok)
			}
			if c.ok && key.ID() != good.ID() {
				t.Errorf("id %s, want %s", key.ID(), good.ID())
			}
			if err != nil && len(c.text) > 5 && strings.Contains(err.Error(), strings.TrimSpace(c.text)[:5]) {
				t.Errorf("the error holds the text: %v", err)
			}
		})
	}
}

func TestKeyShowsItsIDOnly(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	if !regexp.MustCompile(`^[0-9a-f]{16}$`).MatchString(key.ID()) {
		t.Errorf("id %q", key.ID())
	}
	if key.ID() == newKey(t).ID() {
		t.Error("two keys have one id")
	}
	text := key.Encode().Reveal()
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	marshalled, err := json.Marshal(map[string]any{"k": key})
	if err != nil {
		t.Fatal(err)
	}
	hidden := struct{ key seal.Key }{key}
	shown := []string{string(marshalled), key.String(), fmt.Sprint(key.Encode())}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		shown = append(shown, fmt.Sprintf(verb, key), fmt.Sprintf(verb, &key), fmt.Sprintf(verb, hidden), fmt.Sprintf(verb, ring(t, key)))
	}
	for _, s := range shown {
		for _, bad := range []string{text, string(raw), fmt.Sprintf("%x", raw), fmt.Sprintf("%X", raw), fmt.Sprint(raw), encoded([]byte(text))} {
			if strings.Contains(s, bad) {
				t.Errorf("printed with its material: %q", s)
			}
		}
	}
}

func TestKeyring(t *testing.T) {
	t.Parallel()
	a, b := newKey(t), newKey(t)
	again, err := seal.ParseKey(a.Encode().Reveal())
	if err != nil {
		t.Fatal(err)
	}
	for name, keys := range map[string][]seal.Key{"twice": {a, b, again}, "zero": {{}}, "zero second": {a, {}}} {
		if _, err := seal.NewKeyring(keys[0], keys[1:]...); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if ids := ring(t, b, a).IDs(); len(ids) != 2 || ids[0] != b.ID() || ids[1] != a.ID() {
		t.Errorf("ids %v", ids)
	}
}

func TestKeyFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "encryption.key")
	made, err := seal.CreateKeyFile(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 || seal.Exposed(path) {
		t.Errorf("mode %v", info.Mode())
	}
	read, err := seal.ReadKeyFile(path)
	if err != nil || read.ID() != made.ID() {
		t.Errorf("read %v, %v; want %v", read, err, made)
	}
	if _, err := seal.CreateKeyFile(path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("made twice: %v", err)
	}
	if again, err := seal.ReadKeyFile(path); err != nil || again.ID() != made.ID() {
		t.Errorf("the file was changed: %v, %v", again, err)
	}
	for mode, exposed := range map[os.FileMode]bool{0o640: false, 0o604: true, 0o602: true, 0o400: false} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if seal.Exposed(path) != exposed {
			t.Errorf("mode %v: exposed is %v", mode, !exposed)
		}
	}
}

// A key file that is of no use does not load, and says what to do.
func TestKeyFileRefusals(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"empty": "", "text": "no-key-but-a-secret\n", "two keys": newKey(t).Encode().Reveal() + "\n" + newKey(t).Encode().Reveal() + "\n",
		"long": newKey(t).Encode().Reveal() + strings.Repeat(" ", 8<<10), "weak": encoded(make([]byte, 32)),
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		checkRefusal(t, path, content)
	}
	checkRefusal(t, filepath.Join(dir, "missing"), "")
	checkRefusal(t, dir, "")
}

func checkRefusal(t *testing.T, path, content string) {
	t.Helper()
	_, err := seal.ReadKeyFile(path)
	if err == nil {
		t.Errorf("%s: no error", path)
		return
	}
	for _, want := range []string{path, "openssl rand -base64 32"} {
		if strings.Count(err.Error(), want) != 1 {
			t.Errorf("%v\nwant %q in it once", err, want)
		}
	}
	if len(content) > 8 && strings.Contains(err.Error(), content[:8]) {
		t.Errorf("the error holds the content: %v", err)
	}
}
