package authn

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"go.uber.org/zap"
)

// startLocked begins a fetch. It runs on a context of its own, cut off from the request that happened
// to need it first (specs C8), with its own time limit; close waits for it.
func (s *keySet) startLocked(ctx context.Context, t time.Duration, why reason) *flight {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.timeout)
	f := &flight{done: make(chan struct{}), reason: why, started: t, cancel: cancel}
	s.flight = f
	s.scheduleLocked(t + s.timeout) // until it lands, requests need not look whether one is due
	s.running.Go(func() {
		defer cancel()
		keys, err := s.fetch(ctx)
		s.land(f, keys, err)
	})
	return f
}

// fetch gets and parses the set. A panic in a parser fed by a stranger must not take the process down.
func (s *keySet) fetch(ctx context.Context) (keys []parsedKey, err error) {
	defer func() {
		if p := recover(); p != nil {
			keys, err = nil, unusableKeys{errors.New("key set: reading it panicked")}
		}
	}()
	data, err := s.source.fetch(ctx)
	if err != nil {
		return nil, err
	}
	if keys, err = parseJWKS(data, s.allowed); err != nil {
		return nil, unusableKeys{err}
	}
	return keys, nil
}

// unusableKeys is the failure of a fetch that brought something, but no keys.
type unusableKeys struct{ error }

func (e unusableKeys) Unwrap() error { return e.error }

// land takes over the result of a fetch and wakes the waiters.
func (s *keySet) land(f *flight, keys []parsedKey, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer close(f.done)
	s.flight, f.err = nil, err
	s.report.fetches++
	if err != nil {
		s.failLocked(err)
		return
	}
	s.succeedLocked(keys)
}

func (s *keySet) failLocked(err error) {
	if s.report.lastErr == nil && !s.closed { // once per outage, not per try
		s.log.Warn("fetching issuer keys failed", zap.String("error", shortText(err)))
	}
	s.failures++
	s.report.failed++
	s.report.lastErr = err
	s.scheduleLocked(s.clock() + s.backoff(s.failures))
}

func (s *keySet) succeedLocked(keys []parsedKey) {
	if s.report.lastErr != nil {
		s.log.Info("fetching issuer keys works again")
	}
	s.failures, s.report.lastErr, s.report.lastSuccess = 0, nil, s.now()
	t := s.clock()
	s.replaceLocked(keys, t)
	s.scheduleLocked(t + s.refreshPause())
}

func (s *keySet) scheduleLocked(at time.Duration) {
	if !s.closed {
		s.dueAt.Store(int64(at))
	}
}

// replaceLocked makes keys the current set at t. A key that was there before keeps its object, and so
// the tokens cached under it; one that is gone, or has become another, dies (specs K1).
func (s *keySet) replaceLocked(keys []parsedKey, t time.Duration) {
	old := *s.keys.Load()
	next := make(map[string]*publicKey, len(keys))
	changed := len(keys) != len(old)
	for _, k := range keys {
		kept := old[k.kid]
		if kept == nil || kept.algs != k.algs || !samePublic(kept.public, k.public) || !kept.alive(t) {
			kept = &publicKey{kid: k.kid, public: k.public, algs: k.algs}
			changed = true
		}
		kept.goodUntil.Store(int64(t + s.maxAge))
		next[k.kid] = kept
	}
	s.keys.Store(&next)
	for kid, k := range old {
		if next[kid] != k {
			k.goodUntil.Store(0)
		}
	}
	if changed {
		kids := make([]string, 0, len(next))
		for kid := range next {
			kids = append(kids, kid)
		}
		slices.Sort(kids)
		s.log.Info("issuer keys changed", zap.Strings("kids", kids))
	}
}

// shortText is an error's text fit for logs and status pages: what a stranger's server sends is in it,
// so it is kept short and free of control characters.
func shortText(err error) string {
	if err == nil {
		return ""
	}
	return printable(err.Error(), 300)
}

// printable is the beginning of a text, of at most so many bytes, with a space for whatever is no
// printable character.
func printable(text string, limit int) string {
	text = text[:min(len(text), limit)]
	var b strings.Builder
	for n, r := range text {
		switch {
		case r == utf8.RuneError && !utf8.FullRuneInString(text[n:]): // cut in two
		case unicode.IsPrint(r) && r != utf8.RuneError:
			b.WriteRune(r)
		default:
			b.WriteByte(' ')
		}
	}
	return b.String()
}

// adopt takes over a set that was got without a fetch.
func (s *keySet) adopt(keys []parsedKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.succeedLocked(keys)
}

// snapshot returns the counters and the keys usable now.
func (s *keySet) snapshot() (fetchReport, []KeyStatus) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.clock()
	var keys []KeyStatus
	for kid, k := range *s.keys.Load() {
		if k.alive(t) {
			until := s.epoch.Add(time.Duration(k.goodUntil.Load()))
			keys = append(keys, KeyStatus{KeyID: kid, Algorithms: k.algs.names(), GoodUntil: until.UTC().Round(0)})
		}
	}
	return s.report, keys
}
