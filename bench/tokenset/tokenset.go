package tokenset

import (
	"bufio"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"
)

// Audience is the `aud` of every token.
const Audience = "bench"

// life is how long tokens hold: no cache may drop one during a run, and the
// kept file must not go stale.
const life = 10 * 365 * 24 * time.Hour

// Set is a file of distinct tokens, one per line, and one token more that is
// not among them.
type Set struct {
	Path   string // the first N tokens
	N      int
	Spare  string // signed by the same key, never in the file
	Forged string // Spare with a broken signature
}

// Load gives n distinct tokens of alg for issuer, made now or kept in dir from
// an earlier run with the same key and issuer.
func (k *Keys) Load(dir, alg, issuer string, n int) (*Set, error) {
	if n < 1 {
		return nil, errors.New("a token set needs at least one token")
	}
	id, err := k.id(alg, issuer)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, fmt.Sprintf("tokens-%s-%s-%d.txt", strings.ToLower(alg), id, n))
	spare, err := k.token(alg, issuer, "spare")
	if err != nil {
		return nil, err
	}
	set := &Set{Path: path, N: n, Spare: spare, Forged: forge(spare)}
	if _, err := os.Stat(path); err == nil {
		return set, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	tokens, err := k.generate(alg, issuer, n)
	if err != nil {
		return nil, err
	}
	return set, writeLines(path, tokens)
}

// Tokens reads the set.
func (s *Set) Tokens() ([]string, error) {
	raw, err := os.ReadFile(s.Path)
	if err != nil {
		return nil, err
	}
	tokens := strings.Fields(string(raw))
	if len(tokens) != s.N {
		return nil, fmt.Errorf("%s holds %d tokens, not %d; delete it to have it made again", s.Path, len(tokens), s.N)
	}
	return tokens, nil
}

// id ties a kept file to the key and issuer it was made with.
func (k *Keys) id(alg, issuer string) (string, error) {
	pub, err := os.ReadFile(k.PublicPEM(alg))
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(append(pub, issuer...))
	return hex.EncodeToString(sum[:6]), nil
}

func (k *Keys) generate(alg, issuer string, n int) ([]string, error) {
	tokens := make([]string, n)
	workers := runtime.GOMAXPROCS(0)
	errs := make([]error, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < n && errs[w] == nil; i += workers {
				tokens[i], errs[w] = k.token(alg, issuer, fmt.Sprintf("%06d", i))
			}
		})
	}
	wg.Wait()
	return tokens, errors.Join(errs...)
}

// token signs eight claims, about what a CI or cloud issuer puts in.
func (k *Keys) token(alg, issuer, name string) (string, error) {
	now := time.Now()
	claims, err := json.Marshal(map[string]any{
		"iss":        issuer,
		"sub":        "project_path:acme/app-" + name + ":ref_type:branch:ref:main",
		"aud":        Audience,
		"exp":        now.Add(life).Unix(),
		"iat":        now.Unix(),
		"jti":        "8d3c6b0e-" + name,
		"email":      "bench-" + name + "@example.com",
		"repository": "acme/app-" + name,
	})
	if err != nil {
		return "", err
	}
	header := `{"alg":"` + alg + `","kid":"` + Kid(alg) + `","typ":"JWT"}`
	b64 := base64.RawURLEncoding.EncodeToString
	signed := b64([]byte(header)) + "." + b64(claims)
	sig, err := k.sign(alg, signed)
	if err != nil {
		return "", err
	}
	return signed + "." + b64(sig), nil
}

func (k *Keys) sign(alg, signed string) ([]byte, error) {
	digest := sha256.Sum256([]byte(signed))
	switch alg {
	case RS256:
		return rsa.SignPKCS1v15(rand.Reader, k.rsa, crypto.SHA256, digest[:])
	case ES256:
		r, s, err := ecdsa.Sign(rand.Reader, k.ec, digest[:])
		if err != nil {
			return nil, err
		}
		sig := make([]byte, 64)
		r.FillBytes(sig[:32])
		s.FillBytes(sig[32:])
		return sig, nil
	default:
		return nil, fmt.Errorf("unknown algorithm %q", alg)
	}
}

// forge changes one character in the middle of the signature: still well-formed
// base64url, no longer a signature.
func forge(token string) string {
	i := strings.LastIndexByte(token, '.') + 20
	c := byte('A')
	if token[i] == c {
		c = 'B'
	}
	return token[:i] + string(c) + token[i+1:]
}

func writeLines(path string, lines []string) error {
	tmp := path + ".tmp"
	f, err := os.Create(tmp)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	for _, l := range lines {
		if _, err := w.WriteString(l + "\n"); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	if err := errors.Join(w.Flush(), f.Close()); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}
