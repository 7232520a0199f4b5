package caddymodule

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/authgate/authgate/authn"
)

func init() { caddy.RegisterModule(LocalAdmin{}) }

// LocalAdmin adds authgate's status, and the command to encrypt anew, to Caddy's local admin socket. It
// owns nothing: Caddy makes a new one at each load and never cleans it up.
type LocalAdmin struct{}

// CaddyModule returns the Caddy module information.
func (LocalAdmin) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "admin.api.authgate", New: func() caddy.Module { return new(LocalAdmin) }}
}

// Routes implements caddy.AdminRouter.
func (LocalAdmin) Routes() []caddy.AdminRoute {
	return []caddy.AdminRoute{
		{Pattern: "GET /authgate/status", Handler: caddy.AdminHandlerFunc(serveStatus)},
		{Pattern: "POST /authgate/reencrypt", Handler: caddy.AdminHandlerFunc(serveReencrypt)},
	}
}

// status is the answer of GET /authgate/status. It holds no secret and no name of a caller.
type status struct {
	Ready    bool              `json:"ready"`
	Store    storeStatus       `json:"store"`
	Sealing  encryptionStatus  `json:"encryption"`
	Issuers  []issuerStatus    `json:"issuers"`
	Requests map[string]uint64 `json:"requests"`
	Upstream map[string]uint64 `json:"upstream"`
	Tokens   int               `json:"cached_tokens"`
	Cache    map[string]cache  `json:"cache"`
	GC       gcStatus          `json:"gc"`
	Insecure []string          `json:"insecure"`
	Warnings []string          `json:"warnings"`
}

type storeStatus struct {
	Driver    string    `json:"driver"`
	Fresh     bool      `json:"fresh"`
	Revision  int64     `json:"revision"`
	Confirmed time.Time `json:"confirmed"`
	Resyncs   uint64    `json:"resyncs"`
}

type issuerStatus struct {
	Name      string      `json:"name"`
	URL       string      `json:"url"`
	State     string      `json:"state"`
	Keys      []keyStatus `json:"keys"`
	LastFetch time.Time   `json:"last_fetch,omitzero"`
	LastError string      `json:"last_error,omitempty"`
	Fetches   uint64      `json:"fetches"`
	Failed    uint64      `json:"failed"`
}

type keyStatus struct {
	KeyID      string    `json:"kid"`
	Algorithms []string  `json:"algorithms"`
	GoodUntil  time.Time `json:"good_until"`
}

func showIssuer(i authn.IssuerStatus) issuerStatus {
	s := issuerStatus{
		Name: i.Name, URL: i.URL, State: i.State, Keys: make([]keyStatus, 0, len(i.Keys)),
		LastFetch: i.LastFetch, LastError: i.LastError, Fetches: i.Fetches, Failed: i.Failed,
	}
	for _, k := range i.Keys {
		s.Keys = append(s.Keys, keyStatus(k))
	}
	return s
}

// cache is what one collection of records keeps in memory, and how often that was enough.
type cache struct {
	Records  int    `json:"records"`
	Hits     uint64 `json:"hits"`
	Negative uint64 `json:"negative_hits"`
	Misses   uint64 `json:"misses"`
	Stale    uint64 `json:"stale_serves"`
}

func serveStatus(w http.ResponseWriter, r *http.Request) error {
	app, err := caddy.ActiveContext().AppIfConfigured("authgate")
	if err != nil {
		// Returned unwrapped: Caddy asserts the type.
		return caddy.APIError{HTTPStatus: http.StatusNotFound, Err: errors.New("the running configuration has no authgate")}
	}
	w.Header().Set("Content-Type", "application/json")
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(app.(*App).status(r.Context()))
}

func (a *App) status(ctx context.Context) status {
	feed := a.backend.feed.Status()
	s := status{
		Ready:    a.ready(ctx) == nil,
		Store:    storeStatus{Driver: a.driver, Fresh: feed.Fresh, Revision: feed.Revision, Confirmed: feed.Confirmed, Resyncs: feed.Resyncs},
		Sealing:  a.encryptionStatus(),
		Issuers:  []issuerStatus{},
		Requests: map[string]uint64{}, Upstream: map[string]uint64{},
		Tokens:   a.backend.tokens.Stats().Entries,
		Cache:    map[string]cache{},
		GC:       gc.status(),
		Insecure: a.insecure(),
		Warnings: []string{},
	}
	for _, i := range a.issuerOf {
		s.Issuers = append(s.Issuers, showIssuer(i.Status()))
	}
	for name, c := range a.backend.records.Stats() {
		s.Cache[name] = cache{Records: c.Records, Hits: c.Hits, Negative: c.NegativeHits, Misses: c.Misses, Stale: c.StaleServes}
	}
	for _, c := range a.backend.counts.requests() {
		s.Requests[c.label] = c.value.Load()
	}
	for _, c := range a.backend.counts.upstream() {
		s.Upstream[c.label] = c.value.Load()
	}
	if a.queryLogged {
		s.Warnings = append(s.Warnings, queryInLog)
	}
	for _, upstream := range a.bypassed.list() {
		s.Warnings = append(s.Warnings, "a credential is stored for "+upstream+" but a route proxies there without `transport authgate`")
	}
	s.Warnings = append(s.Warnings, a.unreadable(ctx)...)
	hidden, err := a.service.Shadowed(ctx)
	if err != nil {
		s.Warnings = append(s.Warnings, "whether the Caddyfile hides stored service types cannot be told: the store is unavailable")
	}
	for _, name := range hidden {
		s.Warnings = append(s.Warnings, "stored service type "+name+" is hidden by the one of that name in the Caddyfile")
	}
	return s
}

// ready reports whether requests that need the store can be served: it answers and its watch is true.
func (a *App) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if _, _, err := a.backend.store.Get(ctx, "ready"); err != nil {
		return err
	}
	if !a.backend.feed.Status().Fresh {
		return errors.New("the watch on the store is not up to date")
	}
	return nil
}

var _ caddy.AdminRouter = LocalAdmin{}
