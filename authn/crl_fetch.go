package authn

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"

	"go.uber.org/zap"
)

// What a client is told when its certificate's list is not to be had: upstream's words, without the URL.
const (
	textAccess = "Could not access CRL"
	textRead   = "Unable to read CRL Data"
	textParse  = "Unable to parse CRL Data"
)

// newCRLClient makes the client for lists. A list proves itself by its signature, so over https it may also
// come from a server whose certificate is of the clients' own authorities.
func newCRLClient(private bool, authorities []*x509.Certificate) *http.Client {
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	for _, a := range authorities {
		roots.AddCert(a)
	}
	return newFetchClient(addressGuard{private: private}, roots, maxCRLBytes, errors.New("answered with a redirect, which is never followed"))
}

// startLocked begins a fetch on a context of its own, cut off from the request that happened to need it first
// (specs C8), with its own time limit; close waits for it.
func (s *crlStore) startLocked(ctx context.Context, k crlKey, e *crlEntry, issuer *x509.Certificate) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.timeout)
	e.flight = &crlFlight{done: make(chan struct{}), cancel: cancel}
	s.running.Go(func() {
		defer cancel()
		list, err := s.fetch(ctx, k.url, issuer)
		s.land(k, e, list, err)
	})
}

// fetch gets and verifies a list. A panic in a parser fed by a stranger must not take the process down.
func (s *crlStore) fetch(ctx context.Context, address string, issuer *x509.Certificate) (list *crlList, failed *crlError) {
	defer func() {
		if p := recover(); p != nil {
			list, failed = nil, &crlError{textParse, errors.New("reading it panicked")}
		}
	}()
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		return nil, &crlError{textAccess, context.Cause(ctx)}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, &crlError{textAccess, errors.New("not a URL")}
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, &crlError{textAccess, withoutURL(err)}
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err == nil && len(data) > maxCRLBytes {
		err = errors.New("larger than 10 MiB")
	}
	if err != nil {
		return nil, &crlError{textRead, err}
	}
	if list, err = parseCRL(data, issuer, s.now()); err != nil {
		return nil, &crlError{textParse, err}
	}
	return list, nil
}

// land takes over the result of a fetch and wakes the waiters.
func (s *crlStore) land(k crlKey, e *crlEntry, list *crlList, err *crlError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer close(e.flight.done)
	e.flight = nil
	now := s.now()
	// A list from before the one at hand is somebody's attempt to have a certificate forgotten.
	if old := e.usable(now); err == nil && old != nil && list.thisUpdate.Before(old.thisUpdate) {
		err = &crlError{textParse, errors.New("older than the one at hand")}
	}
	if err != nil {
		if e.err == nil && !s.closed { // once per outage, not per try
			s.log.Warn("fetching a revocation list failed", zap.String("url", withoutQuery(k.url)), zap.String("error", shortText(err)))
		}
		e.err, e.due = err, now.Add(jitter(crlPause))
		// For a while nobody waits for what fails; the tries go on meanwhile.
		e.fresh = now.Add(crlInterval / 10)
		return
	}
	if e.err != nil {
		s.log.Info("fetching a revocation list works again", zap.String("url", withoutQuery(k.url)))
	}
	s.replaceLocked(k, e, list)
	e.err, e.fresh = nil, now.Add(crlInterval)
	e.due = earlier(now.Add(jitter(crlInterval*9/10)), list.nextUpdate)
}

// replaceLocked puts list into e, and drops the lists longest unused until all fit.
func (s *crlStore) replaceLocked(k crlKey, e *crlEntry, list *crlList) {
	if kept, ok := s.lists.Peek(k); ok && kept == e { // else it has been dropped meanwhile, and counts no more
		s.bytes += list.size()
		if e.list != nil {
			s.bytes -= e.list.size()
		}
	}
	e.list = list
	for s.bytes > s.memory && s.lists.Len() > 1 {
		s.evictLocked()
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// withoutQuery is a URL fit for logs.
func withoutQuery(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host + u.EscapedPath()
}
