package caddymodule

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/store/seal"
)

// encryptionStatus names the keys; the first one encrypts.
type encryptionStatus struct {
	Keys      []string `json:"keys"`
	Plaintext bool     `json:"plaintext"`
}

func (a *App) encryptionStatus() encryptionStatus {
	s := encryptionStatus{Keys: []string{}, Plaintext: a.InsecurePlaintextSecrets}
	if a.backend.sealed != nil {
		s.Keys = append(s.Keys, a.backend.sealed.KeyIDs()...)
	}
	return s
}

// unreadable returns a warning for each record that was met and could not be decrypted.
func (a *App) unreadable(ctx context.Context) []string {
	if a.backend.sealed == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	var warnings []string
	for _, u := range a.backend.sealed.Unreadable(ctx) {
		warnings = append(warnings, "the stored record "+u.Key+" cannot be used: "+u.Reason.Error())
	}
	return warnings
}

// rewriteLine is one line of the answer of POST /authgate/reencrypt. The last one has Done or Error.
type rewriteLine struct {
	seal.Progress

	DryRun bool   `json:"dry_run,omitempty"`
	Done   bool   `json:"done,omitempty"`
	Error  string `json:"error,omitempty"`
}

// serveReencrypt encrypts everything anew with the first key, and tells of its progress line by line. It
// ends when the client goes away; what was done until then need not be done again.
func serveReencrypt(w http.ResponseWriter, r *http.Request) error {
	app, err := caddy.ActiveContext().AppIfConfigured("authgate")
	if err != nil {
		return caddy.APIError{HTTPStatus: http.StatusNotFound, Err: errors.New("the running configuration has no authgate")}
	}
	dry := false
	if text := r.URL.Query().Get("dry_run"); text != "" {
		if dry, err = strconv.ParseBool(text); err != nil {
			return caddy.APIError{HTTPStatus: http.StatusBadRequest, Err: errors.New("dry_run takes true or false")}
		}
	}
	return app.(*App).reencrypt(w, r, dry)
}

func (a *App) reencrypt(w http.ResponseWriter, r *http.Request, dry bool) error {
	if a.backend.sealed == nil {
		return caddy.APIError{HTTPStatus: http.StatusConflict,
			Err: errors.New("there is no encryption key to encrypt with; configure one: `encryption_key_file <file>`")}
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	answer := http.NewResponseController(w)
	// Caddy's limit for reading a request would otherwise end this request's context, in the middle.
	_ = answer.SetReadDeadline(time.Time{})
	began := false
	say := func(line rewriteLine) {
		if !began {
			w.Header().Set("Content-Type", "application/x-ndjson")
			began = true
		}
		line.DryRun = dry
		if json.NewEncoder(w).Encode(line) != nil || answer.Flush() != nil {
			cancel() // nobody listens any more
		}
	}
	sum, err := a.backend.sealed.Rewrite(ctx, dry, func(p seal.Progress) { say(rewriteLine{Progress: p}) })
	log := a.log.With(zap.Bool("dry_run", dry), zap.Int("total", sum.Total), zap.Int("current", sum.Current),
		zap.Int("rewritten", sum.Rewritten), zap.Int("unreadable", sum.Unreadable))
	switch {
	case err == nil:
		log.Info("encrypted the stored records anew")
		say(rewriteLine{Progress: sum, Done: true})
	case began:
		log.Warn("encrypting the stored records anew has stopped", zap.Error(err))
		say(rewriteLine{Progress: sum, Error: err.Error()})
	case errors.Is(err, seal.ErrRunning):
		return caddy.APIError{HTTPStatus: http.StatusConflict, Err: seal.ErrRunning}
	case fault.Is(err, fault.Unavailable):
		return caddy.APIError{HTTPStatus: http.StatusServiceUnavailable, Err: err}
	default:
		return err
	}
	return nil
}
