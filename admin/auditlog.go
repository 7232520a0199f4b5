package admin

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/authgate/authgate/admin/audit"
)

// auditList is the answer of GET /v1/audit.
type auditList struct {
	Audit []audit.Entry `json:"audit"`
}

// auditAPI shows the audit log. It is there whichever APIs are mounted.
type auditAPI struct{ api }

func (a *auditAPI) mount(r *router) {
	r.handle(http.MethodGet, "/v1/audit", a.read(a.listAudit))
}

// listAudit shows who changed what, newest first.
func (a *auditAPI) listAudit(ctx context.Context, r *http.Request) (view, error) {
	values, err := parseQuery(r)
	if err != nil {
		return view{}, err
	}
	q, err := auditQuery(values)
	if err != nil {
		return view{}, err
	}
	entries, err := a.audit.List(ctx, q)
	if err != nil {
		return view{}, err
	}
	if entries == nil {
		entries = []audit.Entry{}
	}
	return view{body: auditList{entries}}, nil
}

// auditQuery reads the query: a filter that cannot be understood is refused, never left out, since its
// answer would be taken for all there is.
func auditQuery(values url.Values) (audit.Query, error) {
	q := audit.Query{Kind: values.Get("kind"), Outcome: values.Get("outcome")}
	if text := values.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > audit.MaxLimit {
			return q, invalidInput("limit", "It must be a number from 1 to "+strconv.Itoa(audit.MaxLimit))
		}
		q.Limit = n
	}
	if text := values.Get("since"); text != "" {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return q, invalidInput("since", "It must be a time as in RFC 3339")
		}
		q.Since = at
	}
	if q.Kind != "" && !slices.Contains(kinds(), q.Kind) {
		return q, invalidInput("kind", "It must be one of: service type, auth method, binding")
	}
	if q.Outcome != "" && q.Outcome != audit.Accepted && q.Outcome != audit.Refused {
		return q, invalidInput("outcome", "It must be accepted or refused")
	}
	return q, nil
}

// remoteHost is the address a request came from, without the port.
func remoteHost(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
