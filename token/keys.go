package token

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/authgate/authgate/internal/fault"
)

const (
	defaultRotateEvery = 30 * 24 * time.Hour
	defaultOverlap     = time.Minute
	minRotateEvery     = time.Hour // the set stays below maxKeys
)

// Config says how keys are made and changed. Issuer is required. Replicas should agree on it; those that do
// not still verify each other's tokens as long as the issuer is the same.
type Config struct {
	// Issuer is iss of all tokens; tokens with another one are not ours. Compared byte for byte.
	Issuer string
	// Alg is that of new keys; empty: ES256. Tokens of other algorithms stay valid when it changes.
	Alg Alg
	// RotateEvery is how long a key signs, at least an hour; zero: 30 days, negative: until Rotate.
	RotateEvery time.Duration
	// Overlap is how long a key is published before it signs; zero: 1 minute. It must not be shorter than
	// the feed's MaxStale and what clocks differ by, or a replica that is cut off from the store when keys
	// change may answer that it cannot tell.
	Overlap time.Duration
}

// Deps are what Keys need from their surroundings. Nil fields mean: the system's clock, no log.
type Deps struct {
	Now    func() time.Time
	Logger *zap.Logger
}

// Keys sign and verify. They are safe for concurrent use and start no goroutine. The first key is made when
// a token is to be signed.
type Keys struct {
	rec *Records
	cfg Config
	now func() time.Time
	log *zap.Logger

	issuerClaim []byte        // how Mint writes the issuer
	making      chan struct{} // held by who makes the first key, or one of another algorithm

	mu      sync.Mutex
	glimpse *glimpse  // the last read past the cache
	tried   time.Time // when Mint last asked for maintenance
}

// New checks cfg and returns the Keys of one configuration. It does not touch the store. Its errors are of
// kind Invalid and name the setting.
func New(rec *Records, cfg Config, deps Deps) (*Keys, error) {
	refuse := func(field, format string, args ...any) (*Keys, error) {
		return nil, fault.New(fault.Invalid, "signing keys", field, format, args...)
	}
	if cfg.Alg == "" {
		cfg.Alg = ES256
	}
	if _, err := cfg.Alg.method(); err != nil {
		return refuse("signing_alg", "%w", err)
	}
	issuer, err := json.Marshal(cfg.Issuer)
	if err != nil || cfg.Issuer == "" {
		return refuse("public_url", "it is empty; it is the `iss` of the tokens")
	}
	cfg.RotateEvery = orDefault(cfg.RotateEvery, defaultRotateEvery)
	cfg.Overlap = orDefault(cfg.Overlap, defaultOverlap)
	if cfg.RotateEvery > 0 && cfg.RotateEvery < minRotateEvery {
		return refuse("", "keys cannot be changed more often than every %s", minRotateEvery)
	}
	if cfg.Overlap < 0 || cfg.Overlap > MaxLife || cfg.RotateEvery > 0 && cfg.Overlap > cfg.RotateEvery/2 {
		return refuse("", "the overlap of keys must be positive, and at most half of what they sign for and %s", MaxLife)
	}
	if deps.Now == nil {
		deps.Now = time.Now
	}
	if deps.Logger == nil {
		deps.Logger = zap.NewNop()
	}
	return &Keys{
		rec: rec, cfg: cfg, now: deps.Now, log: deps.Logger,
		issuerClaim: append([]byte(`"iss":`), issuer...), making: make(chan struct{}, 1),
	}, nil
}

func orDefault(d, def time.Duration) time.Duration {
	if d == 0 {
		return def
	}
	return d
}

// KeyInfo is what may be known about a key.
type KeyInfo struct {
	ID            string
	Alg           Alg
	State         string // StatePending, StateActive or StateRetiring
	CreatedOn     time.Time
	SignsFrom     time.Time
	VerifiesUntil time.Time // zero while no other key is to take over
}

// List returns the keys, in the order in which they sign, and the store's revision of their last change, 0
// if none has been made yet. Its error wraps ErrUnavailable.
func (k *Keys) List(ctx context.Context) ([]KeyInfo, int64, error) {
	known, err := k.rec.read(ctx)
	if err != nil {
		return nil, 0, err
	}
	now := k.now()
	list := make([]KeyInfo, 0, len(known.set.keys))
	for i := range known.set.keys {
		if known.set.verifies(i, now) {
			list = append(list, known.set.info(i, now))
		}
	}
	return list, known.revision, nil
}

func (s *keySet) info(i int, now time.Time) KeyInfo {
	k := s.keys[i]
	return KeyInfo{
		ID: k.id, Alg: k.alg, State: s.state(i, now),
		CreatedOn: k.createdOn, SignsFrom: k.signsFrom, VerifiesUntil: s.verifiesUntil(i),
	}
}

// CheckKey reports whether tokens signed with the key called id still count: who remembers that Verify took
// a token asks it at each use, since a key may be revoked. The error wraps ErrInvalid or ErrUnavailable.
func (k *Keys) CheckKey(ctx context.Context, id string) error {
	known, err := k.rec.read(ctx)
	if err != nil {
		return err
	}
	if i := known.set.find(id); i >= 0 && known.set.verifies(i, k.now()) {
		return nil
	}
	// Verify may have found it before the cache has heard of it.
	newer, err := k.ahead(ctx, known.revision)
	if err != nil {
		return err
	}
	if i := newer.find(id); i >= 0 && newer.verifies(i, k.now()) {
		return nil
	}
	return invalid("its key is gone")
}
