package authn

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"hash"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

const (
	// pathsFor is how long a path of trust is taken as found, and noPathFor that there is none. Neither
	// changes but by time, since the roots never do: the limits only bound what a mistake could cost.
	pathsFor     = time.Minute
	noPathFor    = 10 * time.Second
	cachedPaths  = 1024
	cachedNoPath = 256
)

// verdict is what trust in a chain came to. It is immutable.
type verdict struct {
	paths       []certPath
	err         *CertError
	from, until time.Time
}

// pathCache spares a connection that carries many requests the signature checks of all but the first.
// Refusals are kept apart, so that a flood of them evicts nothing (specs C6).
type pathCache struct{ good, bad *lru.Cache[pathKey, *verdict] }

type pathKey [sha256.Size]byte

func newPathCache() *pathCache {
	return &pathCache{good: newVerdicts(cachedPaths), bad: newVerdicts(cachedNoPath)}
}

func newVerdicts(size int) *lru.Cache[pathKey, *verdict] {
	cache, err := lru.New[pathKey, *verdict](size)
	if err != nil {
		panic(err) // only for a size below 1
	}
	return cache
}

func (c *pathCache) get(k pathKey, now time.Time) *verdict {
	v, ok := c.good.Get(k)
	if !ok {
		v, ok = c.bad.Get(k)
	}
	if !ok || now.Before(v.from) || !now.Before(v.until) {
		return nil
	}
	return v
}

func (c *pathCache) put(k pathKey, v *verdict) {
	if v.err != nil {
		c.good.Remove(k)
		c.bad.Add(k, v)
		return
	}
	c.bad.Remove(k)
	c.good.Add(k, v)
}

// judge is trace with a memory.
func (c *ClientCerts) judge(state *tls.ConnectionState, now time.Time) *verdict {
	k := c.keyOf(state)
	if v := c.paths.get(k, now); v != nil {
		return v
	}
	v := &verdict{from: now, until: now.Add(noPathFor)}
	if v.paths, v.err = c.trace(state, now); v.err == nil {
		v.until = now.Add(pathsFor)
		for _, p := range v.paths {
			for _, cert := range p.certs {
				if cert.NotAfter.After(now) && cert.NotAfter.Before(v.until) {
					v.until = cert.NotAfter
				}
			}
		}
	}
	c.paths.put(k, v)
	return v
}

// keyOf hashes everything trace looks at, each part with its length so that no two chains run together
// (specs C3).
func (c *ClientCerts) keyOf(state *tls.ConnectionState) pathKey {
	h := sha256.New()
	hashCerts(h, state.PeerCertificates[:min(len(state.PeerCertificates), maxPresented)])
	if c.roots == nil {
		hashNumber(h, len(state.VerifiedChains))
		for _, chain := range state.VerifiedChains[:min(len(state.VerifiedChains), maxPaths)] {
			hashCerts(h, chain)
		}
	}
	return pathKey(h.Sum(nil))
}

func hashCerts(h hash.Hash, certs []*x509.Certificate) {
	hashNumber(h, len(certs))
	for _, cert := range certs {
		hashNumber(h, len(cert.Raw))
		h.Write(cert.Raw)
	}
}

func hashNumber(h hash.Hash, n int) {
	var b [8]byte
	h.Write(binary.BigEndian.AppendUint64(b[:0], uint64(n)))
}
