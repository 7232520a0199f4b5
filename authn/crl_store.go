package authn

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"go.uber.org/zap"
)

const (
	crlInterval  = 10 * time.Minute // how long a list is used without asking for a newer one
	crlPause     = 10 * time.Second // after a failure
	crlTimeout   = 15 * time.Second // of one fetch, from the first byte to the last
	maxCRLBytes  = 10 << 20
	maxCRLs      = 256
	maxCRLMemory = 64 << 20 // of all lists at hand
	crlFetchers  = 8        // fetches at a time: each may take some three times maxCRLBytes
)

// crlStore fetches revocation lists and keeps what they say. A list is fetched again once per crlInterval at
// most, however many certificates name it (specs M3), a little ahead of time if there are requests, so that
// they need not wait. If that fails, the old list is used until its nextUpdate. Nothing is fetched that no
// certificate with a path of trust names.
type crlStore struct {
	client  *http.Client
	now     func() time.Time
	log     *zap.Logger
	timeout time.Duration
	memory  int           // maxCRLMemory
	slots   chan struct{} // holds a token for each fetch under way
	running sync.WaitGroup

	mu     sync.Mutex
	closed bool
	lists  *simplelru.LRU[crlKey, *crlEntry]
	bytes  int // what the lists take
}

// crlKey is a list as one authority signs it: two authorities may name one address, and what one of them
// says there must not count for the other.
type crlKey struct {
	url    string
	signer signerID
}

// signerID stands for an authority's name and key.
type signerID [sha256.Size]byte

func signerOf(cert *x509.Certificate) signerID {
	h := sha256.New()
	hashNumber(h, len(cert.RawSubject))
	h.Write(cert.RawSubject)
	h.Write(cert.RawSubjectPublicKeyInfo)
	return signerID(h.Sum(nil))
}

// crlEntry is guarded by crlStore.mu.
type crlEntry struct {
	list   *crlList
	fresh  time.Time // until then list is used without waiting for a fetch
	due    time.Time // from then on it is fetched again
	err    *crlError // of the last fetch
	flight *crlFlight
}

// crlFlight is one fetch under way, shared by everybody who needs its result.
type crlFlight struct {
	done   chan struct{}
	cancel context.CancelFunc
}

// crlError is why there is no list: Text is for clients, cause for the log.
type crlError struct {
	text  string
	cause error
}

func (e *crlError) Error() string { return e.text + ": " + e.cause.Error() }
func (e *crlError) Unwrap() error { return e.cause }

func newCRLStore(private bool, authorities []*x509.Certificate, now func() time.Time, log *zap.Logger) *crlStore {
	lists, err := simplelru.NewLRU[crlKey, *crlEntry](maxCRLs, nil)
	if err != nil {
		panic(err) // only for a size below 1
	}
	return &crlStore{
		client: newCRLClient(private, authorities), now: now, log: log, timeout: crlTimeout, memory: maxCRLMemory,
		slots: make(chan struct{}, crlFetchers), lists: lists,
	}
}

// check asks one point about the certificate of l. Any doubt is CertCRLUnavailable.
func (s *crlStore) check(ctx context.Context, l pathLink, point crlPoint) *CertError {
	number, ok := serialOf(l.cert.SerialNumber)
	if !ok {
		return &CertError{Fault: CertCRLUnavailable, Text: "Unable to parse CRL Data"}
	}
	var last *CertError
	for _, address := range point.urls {
		list, err := s.get(ctx, crlKey{address, l.signer}, l.issuer)
		switch {
		case err != nil:
			last = &CertError{Fault: CertCRLUnavailable, Text: err.text}
		case !list.scope.covers(l.cert, point):
			last = &CertError{Fault: CertCRLUnavailable, Text: "Unable to parse CRL Data"}
		case list.has(number) && l.cert.IsCA:
			return &CertError{Fault: CertRevoked, Text: "An authority above your certificate has been revoked"}
		case list.has(number):
			return &CertError{Fault: CertRevoked, Text: "Your certificate has been revoked"}
		default:
			return nil
		}
	}
	return last
}

// get returns the list k, fetching it if the rules above ask for that. A waiting caller leaves when its ctx
// ends; the fetch goes on for the others (specs C8).
func (s *crlStore) get(ctx context.Context, k crlKey, issuer *x509.Certificate) (*crlList, *crlError) {
	s.mu.Lock()
	e := s.entryLocked(k)
	now := s.now()
	if e.flight == nil && !s.closed && !now.Before(e.due) {
		s.startLocked(ctx, k, e, issuer)
	}
	list, err, f := e.usable(now), e.err, e.flight
	fresh := list != nil && now.Before(e.fresh)
	s.mu.Unlock()
	if fresh || f == nil {
		return orError(list, err)
	}
	select {
	case <-f.done:
	case <-ctx.Done():
		return nil, &crlError{textAccess, context.Cause(ctx)}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return orError(e.usable(s.now()), e.err)
}

func orError(list *crlList, err *crlError) (*crlList, *crlError) {
	switch {
	case list != nil:
		return list, nil
	case err != nil:
		return nil, err
	}
	return nil, &crlError{textAccess, errors.New("nothing at hand, and nothing is fetched any more")}
}

// usable returns the list unless it has ended.
func (e *crlEntry) usable(now time.Time) *crlList {
	if e.list == nil || !now.Before(e.list.nextUpdate) {
		return nil
	}
	return e.list
}

// entryLocked returns the entry of k, made if need be in place of the one longest unused.
func (s *crlStore) entryLocked(k crlKey) *crlEntry {
	if e, ok := s.lists.Get(k); ok {
		return e
	}
	if s.lists.Len() >= maxCRLs {
		s.evictLocked()
	}
	e := &crlEntry{}
	s.lists.Add(k, e)
	return e
}

func (s *crlStore) evictLocked() {
	if _, e, ok := s.lists.RemoveOldest(); ok && e.list != nil {
		s.bytes -= e.list.size()
	}
}

// close stops the fetches under way and waits for them.
func (s *crlStore) close() {
	s.mu.Lock()
	s.closed = true
	for _, e := range s.lists.Values() {
		if e.flight != nil {
			e.flight.cancel()
		}
	}
	s.mu.Unlock()
	s.running.Wait()
}
