package token

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/store"
)

// The outcomes of Verify besides success, for errors.Is.
var (
	// ErrNotOurs: another issuer's token, or none at all. Somebody else may know it.
	ErrNotOurs = errors.New("not a token of this gateway")
	// ErrInvalid: it says it is ours and is not valid: forged, expired, not yet valid, or malformed.
	ErrInvalid = errors.New("token is not valid")
	// ErrUnavailable: whether it is valid cannot be told now.
	ErrUnavailable = errors.New("signing keys are unavailable")
)

// recordID is the one record's id: all keys are changed together, by compare-and-swap.
const recordID = "current"

// Records are the signing keys of one store. They are made once per store and shared by all
// configurations over it.
type Records struct{ sets *store.Collection[*keySet] }

// NewRecords returns the Records in s, kept true by f.
func NewRecords(s store.Store, f *store.Feed) *Records {
	return &Records{store.NewCollection(s, f, store.Schema[*keySet]{
		Name: "signing-keys", Encode: encodeKeySet, Decode: decodeKeySet, Entries: 1,
	})}
}

// Stats returns the counters of the collection's cache, by its name.
func (r *Records) Stats() map[string]store.Stats {
	return map[string]store.Stats{r.sets.Name(): r.sets.Stats()}
}

// Config says how keys are made and changed. Issuer is required.
type Config struct {
	Issuer      string        // iss of all tokens; others are not ours
	Alg         Alg           // of new keys; empty: ES256
	RotateEvery time.Duration // how long a key signs; zero: 30 days, negative: for ever
	Overlap     time.Duration // how long a key is published before it signs; zero: 1 minute
	MaxLife     time.Duration // the longest life of a token; a key verifies that long after it last signed; zero: 24 hours
}

// Deps are what Keys need from their surroundings. Nil fields mean: the system's clock, no log.
type Deps struct {
	Now    func() time.Time
	Logger *zap.Logger
}

// Keys sign and verify. They are safe for concurrent use. The first key is made when it is needed.
type Keys struct {
	rec *Records
	cfg Config
	now func() time.Time
	log *zap.Logger

	mu     sync.Mutex
	reread time.Time // when the record was last read past the cache
}

// retireMargin is added to MaxLife: clocks of replicas differ.
const retireMargin = 5 * time.Minute

// New checks cfg and returns the Keys of one configuration. It does not touch the store.
func New(rec *Records, cfg Config, deps Deps) (*Keys, error) {
	invalid := func(field, format string, args ...any) error {
		return fault.New(fault.Invalid, "signing keys", field, format, args...)
	}
	if cfg.Alg == "" {
		cfg.Alg = ES256
	}
	if _, err := cfg.Alg.method(); err != nil {
		return nil, invalid("signing_alg", "%w", err)
	}
	if cfg.Issuer == "" {
		return nil, invalid("public_url", "it is empty; it is the `iss` of the tokens")
	}
	if cfg.Overlap < 0 || cfg.MaxLife < 0 {
		return nil, invalid("", "durations must not be negative")
	}
	cfg.RotateEvery = orDefault(cfg.RotateEvery, 30*24*time.Hour)
	cfg.Overlap = orDefault(cfg.Overlap, time.Minute)
	cfg.MaxLife = orDefault(cfg.MaxLife, 24*time.Hour)
	if deps.Now == nil {
		deps.Now = time.Now
	}
	if deps.Logger == nil {
		deps.Logger = zap.NewNop()
	}
	return &Keys{rec: rec, cfg: cfg, now: deps.Now, log: deps.Logger}, nil
}

func orDefault(d, def time.Duration) time.Duration {
	if d == 0 {
		return def
	}
	return d
}

// keyPrefix begins the ids of our keys, so that a stranger's token costs no look-up.
const keyPrefix = "ag-"

func newKeyID() string {
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails
	return keyPrefix + hex.EncodeToString(random[:])
}

func isKeyID(id string) bool {
	rest, ok := strings.CutPrefix(id, keyPrefix)
	raw, err := hex.DecodeString(rest)
	return ok && err == nil && len(raw) == 8
}

// load returns the key set from the cache, an empty one if there is none yet.
func (k *Keys) load(ctx context.Context) (*keySet, int64, error) {
	item, err := k.rec.sets.Get(ctx, recordID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return &keySet{}, 0, nil
	case err == nil:
		err = item.Err
	}
	if err != nil {
		return nil, 0, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return item.Value, item.Revision, nil
}

var errOnlyRead = errors.New("nothing to change")

// loadAnew reads past the cache, at most once a second: a token signed a moment ago on another replica
// may have come before the news of its key.
func (k *Keys) loadAnew(ctx context.Context) (*keySet, error) {
	k.mu.Lock()
	now := k.now()
	wait := now.Sub(k.reread) < time.Second && !now.Before(k.reread)
	if !wait {
		k.reread = now
	}
	k.mu.Unlock()
	if wait {
		set, _, err := k.load(ctx)
		return set, err
	}
	set := &keySet{}
	_, err := k.rec.sets.Update(ctx, recordID, func(found store.Item[*keySet]) (*keySet, error) {
		if found.Err != nil {
			return nil, found.Err
		}
		set = found.Value
		return nil, errOnlyRead
	})
	if err != nil && !errors.Is(err, errOnlyRead) && !errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return set, nil
}
