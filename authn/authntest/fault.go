package authntest

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"time"
)

// Fault is a way the issuer's answers go wrong. The zero Fault is none.
type Fault struct {
	Status        int             // this status instead of 200
	Body          string          // this body instead of the truth
	Redirect      string          // a redirect to there
	Huge          bool            // a body far beyond any limit, as valid JSON
	GzipBomb      bool            // the same, compressed to little
	Hang          <-chan struct{} // no answer until the channel is closed
	Drip          bool            // one byte now and then, for ever
	Abort         bool            // the connection is cut without an answer
	Bearer        string          // status 403 to whoever does not bring this bearer, as a Kubernetes API server does
	DiscoveryOnly bool            // the key set stays right
	KeysOnly      bool            // the discovery document stays right
}

// SetFault makes the issuer fail by f until the next call; SetFault(Fault{}) heals it.
func (p *IdP) SetFault(f Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault = f
}

// serve answers r wrongly and reports whether it did.
func (f Fault) serve(w http.ResponseWriter, r *http.Request, isKeys bool) bool {
	if (isKeys && f.DiscoveryOnly) || (!isKeys && f.KeysOnly) {
		return false
	}
	if f.Hang != nil {
		select {
		case <-f.Hang:
		case <-r.Context().Done():
		}
	}
	switch {
	case f.Bearer != "" && r.Header.Get("Authorization") == "Bearer "+f.Bearer:
		return false
	case f.Bearer != "":
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`{"kind":"Status","code":403}`))
	case f.Abort:
		panic(http.ErrAbortHandler)
	case f.Redirect != "":
		http.Redirect(w, r, f.Redirect, http.StatusFound)
	case f.Drip:
		drip(w, r)
	case f.GzipBomb:
		w.Header().Set("Content-Encoding", "gzip")
		gzipped(w)
	case f.Huge:
		hugeJSON(w)
	case f.Status != 0:
		w.WriteHeader(f.Status)
		_, _ = w.Write([]byte(f.Body))
	case f.Body != "":
		_, _ = w.Write([]byte(f.Body))
	default:
		return false
	}
	return true
}

// drip sends a space, which may precede any JSON, every few milliseconds until the client gives up.
func drip(w http.ResponseWriter, r *http.Request) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := w.Write([]byte(" ")); err != nil {
			return
		}
		if f, ok := w.(http.Flusher); ok {
			f.Flush()
		}
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return
		}
	}
}

// hugeJSON writes 16 MiB of white space before an empty object.
func hugeJSON(w io.Writer) {
	chunk := bytes.Repeat([]byte(" "), 64<<10)
	for range 256 {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
	_, _ = w.Write([]byte("{}"))
}

func gzipped(w io.Writer) {
	zw := gzip.NewWriter(w)
	hugeJSON(zw)
	_ = zw.Close()
}
