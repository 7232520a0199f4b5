package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/authgate/authgate/internal/secret"
	"github.com/authgate/authgate/internal/strictjson"
)

// maxAnswer bounds an answer, in bytes. Lists come in one piece.
const maxAnswer = 64 << 20

// api is the management API. It is safe for concurrent use.
type api struct {
	base    *url.URL
	key     secret.String
	timeout time.Duration
	http    *http.Client
}

// request is one call. Path is escaped already.
type request struct {
	method, path string
	query        url.Values
	match        string // for If-Match; empty for none
	body         any    // nil for none
}

// segments makes a path of texts from outside.
func segments(texts ...string) string {
	var b strings.Builder
	for _, t := range texts {
		b.WriteString("/" + url.PathEscape(t))
	}
	return b.String()
}

// do sends a request and decodes the answer into out, unless that is nil. It returns the revision in the
// answer's ETag, or "". Failures that the API reports are *apiError.
func (a *api) do(ctx context.Context, r request, out any) (revision string, err error) {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	req, err := a.build(ctx, r)
	if err != nil {
		return "", err
	}
	server := a.base.Scheme + "://" + a.base.Host
	resp, err := a.http.Do(req)
	if err != nil {
		return "", transportError(server, a.timeout, err)
	}
	defer resp.Body.Close()
	data, err := readBounded(resp.Body, maxAnswer)
	switch {
	case errors.Is(err, errTooLarge):
		return "", fmt.Errorf("the answer of %s: %w", server, err)
	case err != nil:
		return "", transportError(server, a.timeout, err)
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		return "", redirectError(server, resp)
	case resp.StatusCode >= 400:
		return "", newAPIError(server, resp, data)
	}
	if out == nil {
		return revisionOf(resp), nil
	}
	if err := decodeAnswer(resp, data, out); err != nil {
		return "", hinted(fmt.Errorf("%s does not answer as a management API: %w", server, err), "check --server or "+envServer)
	}
	return revisionOf(resp), nil
}

func (a *api) build(ctx context.Context, r request) (*http.Request, error) {
	var body []byte
	if r.body != nil {
		var err error
		if body, err = json.Marshal(r.body); err != nil {
			return nil, err
		}
	}
	address := strings.TrimSuffix(a.base.String(), "/") + r.path
	if len(r.query) > 0 {
		address += "?" + r.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, r.method, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+a.key.Reveal())
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "authgate-admin")
	if r.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if r.match != "" {
		req.Header.Set("If-Match", entityTag(r.match))
	}
	return req, nil
}

// entityTag makes an ETag of a revision as people write it; a whole ETag and * stay as they are.
func entityTag(revision string) string {
	if revision == "*" || strings.HasPrefix(revision, `"`) {
		return revision
	}
	return `"` + revision + `"`
}

func revisionOf(resp *http.Response) string {
	return strings.Trim(strings.TrimPrefix(resp.Header.Get("ETag"), "W/"), `"`)
}

var errShape = errors.New("the JSON is of another shape")

// decodeAnswer is not strict about unknown members, as servers may be newer, but about everything that two
// readers could understand differently.
func decodeAnswer(resp *http.Response, data []byte, out any) error {
	if kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return fmt.Errorf("status %d without JSON", resp.StatusCode)
	}
	if err := strictjson.Check(data, 32); err != nil {
		return err
	}
	if err := json.Unmarshal(data, out); err != nil {
		return errShape // the decoder's text may quote a secret
	}
	return nil
}

func redirectError(server string, resp *http.Response) error {
	err := fmt.Errorf("%s redirects (status %d), and redirects are not followed: the key would go along", server, resp.StatusCode)
	if to, locErr := resp.Location(); locErr == nil {
		return hinted(err, "if you trust it, use --server %s://%s", to.Scheme, to.Host)
	}
	return err
}
