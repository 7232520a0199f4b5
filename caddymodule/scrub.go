package caddymodule

import (
	"context"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"

	"go.uber.org/zap"

	"github.com/authgate/authgate/authmethods"
)

// attempt is one round trip with a credential, and keeps that from coming back: upstreams echo headers
// (specs H16). It is the context of the outgoing request, since informational responses (103 Early Hints)
// are seen by the trace in there only. Adding a trace the usual way costs more than all else the transport
// does, so attempt shows its own in place of the one it finds.
type attempt struct {
	context.Context
	t        *Transport
	attached authmethods.Injected
	guarded  bool
	trace    httptrace.ClientTrace
}

// guard makes the trace watch for attached; the request must not have been sent yet.
func (a *attempt) guard(attached authmethods.Injected) {
	a.attached = attached
	found := httptrace.ContextClientTrace(a.Context)
	if found == nil {
		return // nobody passes informational responses on
	}
	a.trace = *found
	next := found.Got1xxResponse
	a.trace.Got1xxResponse = func(code int, h textproto.MIMEHeader) error {
		a.delete(http.Header(h))
		if next == nil {
			return nil
		}
		return next(code, h)
	}
	a.guarded = true
}

// Value implements context.Context. The key of the trace is net/http's own, but its value's type is not.
func (a *attempt) Value(key any) any {
	v := a.Context.Value(key)
	if _, ok := v.(*httptrace.ClientTrace); ok && a.guarded {
		return &a.trace
	}
	return v
}

// scrub deletes response headers and trailers that hold the credential. Trailers come without being
// declared too, but never after a body of known length in HTTP/1.1.
func (a *attempt) scrub(resp *http.Response) {
	a.delete(resp.Header)
	if resp.StatusCode == http.StatusSwitchingProtocols || resp.ProtoMajor == 1 && resp.ContentLength >= 0 && resp.Trailer == nil {
		return
	}
	resp.Body = &trailerScrub{ReadCloser: resp.Body, at: func() { a.delete(resp.Trailer) }}
}

func (a *attempt) delete(h http.Header) {
	if n := a.attached.Scrub(h); n > 0 {
		a.t.counts.scrubbed.Add(uint64(n))
		a.t.log.Warn("upstream sent the stored credential back; removed from the response", zap.Int("headers", n))
	}
}

// trailerScrub calls at once the trailers have been read.
type trailerScrub struct {
	io.ReadCloser
	at func()
}

func (s *trailerScrub) Read(p []byte) (int, error) {
	n, err := s.ReadCloser.Read(p)
	if err != nil {
		s.at()
	}
	return n, err
}
