package authmethods

import (
	"io"
	"net/http"
	"strings"
)

// attach puts the credential of m on r at place and removes everything a client may have sent in its
// stead. r must be a clone of the transport's own: its Header map and URL are changed.
func (m *Method) attach(r *http.Request, at place) Injected {
	m.plan.managed.clear(r, at.norm)
	if m.Type == KindHeaders {
		for _, f := range m.plan.headers {
			r.Header[f.name] = []string{f.value.Reveal()}
		}
	} else {
		at.set(r, m.plan.key.Reveal())
	}
	return Injected{plan: m.plan}
}

// headerNames are the normalised names of headers that only the gateway may set. One more, extra, may
// depend on the configuration.
type headerNames []string

// clear removes from r what a client may have sent under these names.
func (n headerNames) clear(r *http.Request, extra string) {
	if r.Header == nil {
		r.Header = make(http.Header, 1)
	}
	n.strip(r.Header, extra)
	n.guardTrailers(r, extra)
}

// strip deletes every header that folds to one of the names (H1, H4, H5), and such names from Connection:
// the next hop would delete the credential we set (H6).
func (n headerNames) strip(h http.Header, extra string) {
	if extra == defaultHeaderNorm {
		extra = "" // always among the names
	}
	for name, values := range h {
		switch {
		case n.has(name, extra):
			delete(h, name)
		case folds(name, "connection"):
			n.stripConnection(h, name, values, extra)
		}
	}
}

func (n headerNames) stripConnection(h http.Header, name string, lines []string, extra string) {
	var kept []string
	found := false
	for _, line := range lines {
		for token := range strings.SplitSeq(line, ",") {
			token = strings.Trim(token, " \t")
			switch {
			case token == "":
			case n.has(token, extra):
				found = true
			default:
				kept = append(kept, token)
			}
		}
	}
	if !found {
		return
	}
	if len(kept) == 0 {
		delete(h, name)
		return
	}
	h[name] = []string{strings.Join(kept, ", ")}
}

func (n headerNames) has(name, extra string) bool {
	if extra != "" && folds(name, extra) {
		return true
	}
	for _, norm := range n {
		if folds(name, norm) {
			return true
		}
	}
	return false
}

// folds reports whether name normalises to norm (lowercase, "_" and "." as "-") without making it.
func folds(name, norm string) bool {
	if len(name) != len(norm) {
		return false
	}
	for i := range len(name) {
		c := name[i]
		switch {
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		case c == '_' || c == '.':
			c = '-'
		}
		if c != norm[i] {
			return false
		}
	}
	return true
}

// guardTrailers deletes the trailers that fold to one of the names: they are headers that arrive later, and
// an upstream that merges them would take a client's twin from there. The server fills the map when the
// body has been read to its end, so it is swept again then (specs E2, H7).
func (n headerNames) guardTrailers(r *http.Request, extra string) {
	if r.Trailer == nil {
		return
	}
	n.strip(r.Trailer, extra)
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = &sweptBody{ReadCloser: r.Body, sweep: func() { n.strip(r.Trailer, extra) }}
	}
}

// sweptBody calls sweep whenever a read ends the body, after whoever filled the trailers by then.
type sweptBody struct {
	io.ReadCloser
	sweep func()
}

func (b *sweptBody) Read(buf []byte) (int, error) {
	n, err := b.ReadCloser.Read(buf)
	if err != nil {
		b.sweep()
	}
	return n, err
}
