package token

import (
	"slices"
	"time"
)

// The states of a key at a moment.
const (
	StatePending  = "pending"  // published, does not sign yet
	StateActive   = "active"   // signs
	StateRetiring = "retiring" // only verifies
)

// MaxLife is the longest life of a token (specs/m2m 2.9). It is no setting: were it made shorter, keys
// would retire under tokens that were minted before.
const MaxLife = 24 * time.Hour

const (
	// margin is how far the clocks of replicas may be apart before a key is gone too early (specs D8).
	margin = time.Hour
	// maxKeys bounds the set, which everybody reads. A rotation each hour keeps within it.
	maxKeys = 32
	// maxChanges is how many keys there may be before a mere change of algorithm has to wait: replicas that
	// disagree about the algorithm would otherwise make keys without end.
	maxChanges = maxKeys / 2
)

// keySet are all keys, in the order in which they sign: each signs until the next one does. It is
// immutable.
type keySet struct {
	keys     []*signingKey
	byHeader map[string]int // position by signingKey.header
}

// newKeySet takes keys in any order, and keys for its own.
func newKeySet(keys []*signingKey) *keySet {
	slices.SortStableFunc(keys, func(a, b *signingKey) int { return a.signsFrom.Compare(b.signsFrom) })
	s := &keySet{keys: keys, byHeader: make(map[string]int, len(keys))}
	for i, k := range keys {
		s.byHeader[k.header] = i
	}
	return s
}

// find returns the position of the key called id, or -1.
func (s *keySet) find(id string) int {
	return slices.IndexFunc(s.keys, func(k *signingKey) bool { return k.id == id })
}

// verifier returns the key whose tokens have the given first part, if it verifies at now.
func (s *keySet) verifier(header string, now time.Time) *signingKey {
	if i, ok := s.byHeader[header]; ok && s.verifies(i, now) {
		return s.keys[i]
	}
	return nil
}

// verifies reports whether key i verifies at now. So does one that does not sign yet: another replica's
// clock may be ahead.
func (s *keySet) verifies(i int, now time.Time) bool {
	until := s.verifiesUntil(i)
	return until.IsZero() || now.Before(until)
}

// verifiesUntil is when the last token signed with key i has expired on all clocks; zero while no other key
// is to take over.
func (s *keySet) verifiesUntil(i int) time.Time {
	if i+1 == len(s.keys) {
		return time.Time{}
	}
	return s.keys[i+1].signsFrom.Add(MaxLife + margin)
}

// due returns the position of the last key whose time to sign has come at now, or -1.
func (s *keySet) due(now time.Time) int {
	for i, k := range slices.Backward(s.keys) {
		if !now.Before(k.signsFrom) {
			return i
		}
	}
	return -1
}

// signer returns the position of the key that signs at now, or -1 if there is none. On a clock behind the
// others' the key that should sign may have lost its private part already, or no key's time may have come:
// then it is the next one, and never a reason to make another.
func (s *keySet) signer(now time.Time) int {
	for i := max(0, s.due(now)); i < len(s.keys); i++ {
		if s.keys[i].private != nil {
			return i
		}
	}
	return -1
}

// pending returns the position of the first key that waits for its turn at now, or -1.
func (s *keySet) pending(now time.Time) int {
	if i := s.signer(now); i >= 0 && i+1 < len(s.keys) {
		return i + 1
	}
	return -1
}

func (s *keySet) state(i int, now time.Time) string {
	switch signer := s.signer(now); {
	case i == signer:
		return StateActive
	case i < signer:
		return StateRetiring
	}
	return StatePending
}

// has reports whether the key that signs at now, or one that waits, is of the given algorithm.
func (s *keySet) has(alg Alg, now time.Time) bool {
	signer := s.signer(now)
	return signer >= 0 && slices.ContainsFunc(s.keys[signer:], func(k *signingKey) bool { return k.alg == alg })
}

// tidied returns the set without the keys that verify no more at now, and without the private parts of
// those that have stopped signing: what nobody needs, nobody can steal.
func (s *keySet) tidied(now time.Time) (tidy *keySet, changed bool) {
	keep := make([]*signingKey, 0, len(s.keys)+1)
	for i, k := range s.keys {
		switch {
		case !s.verifies(i, now):
			changed = true
			continue
		case k.private != nil && i+1 < len(s.keys) && now.After(s.keys[i+1].signsFrom.Add(margin)):
			k, changed = k.publicOnly(), true
		}
		keep = append(keep, k)
	}
	return newKeySet(keep), changed
}

// with returns the set with k in addition.
func (s *keySet) with(k *signingKey) *keySet {
	return newKeySet(append(slices.Clone(s.keys), k))
}

// without returns the set without key i.
func (s *keySet) without(i int) *keySet {
	return newKeySet(slices.Delete(slices.Clone(s.keys), i, i+1))
}
