package token

import (
	"crypto"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// The states of a key at a moment.
const (
	StatePending  = "pending"  // published, does not sign yet
	StateActive   = "active"   // signs
	StateRetiring = "retiring" // only verifies
)

// maxKeys bounds the set: a rotation in a loop must not grow the record, nor the key set that everybody reads.
const maxKeys = 16

// signingKey is one key of the set. It is immutable.
type signingKey struct {
	id            string
	alg           Alg
	createdOn     time.Time
	signsFrom     time.Time
	signsUntil    time.Time // zero while no other key is to take over
	verifiesUntil time.Time // zero as long as signsUntil is
	private       crypto.Signer
	method        jwt.SigningMethod
}

// Format implements fmt.Formatter: however a key is printed, only its id shows.
func (k *signingKey) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.id) }

func (k *signingKey) verifies(now time.Time) bool {
	return k.verifiesUntil.IsZero() || now.Before(k.verifiesUntil)
}

// keySet are all keys, in the order in which they sign. It is immutable.
type keySet struct{ keys []*signingKey }

func (s *keySet) find(id string) *signingKey {
	for _, k := range s.keys {
		if k.id == id {
			return k
		}
	}
	return nil
}

// active returns the key that signs at now: the last one whose time has come and not gone; nil if there is none.
func (s *keySet) active(now time.Time) *signingKey {
	for _, k := range slices.Backward(s.keys) {
		if !now.Before(k.signsFrom) && (k.signsUntil.IsZero() || now.Before(k.signsUntil)) {
			return k
		}
	}
	return nil
}

// pending returns the key that has not begun to sign at now, if there is one.
func (s *keySet) pending(now time.Time) *signingKey {
	for _, k := range s.keys {
		if now.Before(k.signsFrom) {
			return k
		}
	}
	return nil
}

func (s *keySet) state(k *signingKey, now time.Time) string {
	switch {
	case now.Before(k.signsFrom):
		return StatePending
	case k == s.active(now):
		return StateActive
	}
	return StateRetiring
}

// pruned returns the set without the keys that verify no more at now.
func (s *keySet) pruned(now time.Time) *keySet {
	keep := make([]*signingKey, 0, len(s.keys)+1)
	for _, k := range s.keys {
		if k.verifies(now) {
			keep = append(keep, k)
		}
	}
	return &keySet{keep}
}

// with returns the set with k added, which takes over from the others when it begins to sign; they verify
// for retain longer. No other key may begin later than k.
func (s *keySet) with(k *signingKey, retain time.Duration) *keySet {
	next := &keySet{make([]*signingKey, 0, len(s.keys)+1)}
	for _, old := range s.keys {
		if old.signsUntil.IsZero() || k.signsFrom.Before(old.signsUntil) {
			ends := *old
			ends.signsUntil, ends.verifiesUntil = k.signsFrom, k.signsFrom.Add(retain)
			old = &ends
		}
		next.keys = append(next.keys, old)
	}
	next.keys = append(next.keys, k)
	return next
}

// without returns the set without the key called id.
func (s *keySet) without(id string) *keySet {
	next := &keySet{}
	for _, k := range s.keys {
		if k.id != id {
			next.keys = append(next.keys, k)
		}
	}
	return next
}
