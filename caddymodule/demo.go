//go:build !authgate_sidecar

package caddymodule

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// demo tells the story, its second part in demo_mapped.go; every call is checked, and the first one that goes wrong ends it.
type demo struct {
	ctx   context.Context
	out   io.Writer
	rig   *demoRig
	token string
	steps int
}

// runDemo runs the whole demo and returns nil only if every step did what it should.
func runDemo(ctx context.Context, out io.Writer, keep bool) error {
	started := time.Now()
	rig, err := startDemo(ctx)
	if err != nil {
		return err
	}
	defer rig.stop()
	d := &demo{ctx: ctx, out: out, rig: rig}
	if d.token, err = rig.token(); err != nil {
		return err
	}
	d.intro(time.Since(started))
	for _, step := range []func() error{
		d.serviceType, d.authMethod, d.call, d.rotate, d.forge, d.noToken, d.badToken, d.bind, d.callMapped, d.unbind,
	} {
		if err := step(); err != nil {
			return fmt.Errorf("step %d: %w", d.steps, err)
		}
	}
	d.printf("\nAll %d steps did what they should.\n", d.steps)
	if keep {
		d.outro()
		<-ctx.Done()
	}
	return nil
}

func (d *demo) printf(format string, args ...any) { _, _ = fmt.Fprintf(d.out, format, args...) }

func (d *demo) intro(took time.Duration) {
	d.printf(`A gateway with its own store, an OIDC issuer and a service run on this machine (up after %s):

  issuer   %s
  service  http://%s:%d    knows nothing of tokens; wants an API key
  users    https://%s:%d   another one: has users, and a token for each
  gateway  http://%s    what callers use; with certificates https://%s
  admin    http://%s    what you use

To type the commands yourself (run with --keep):

  ADMIN_KEY=%s
  CERTS=%s
  TOKEN=%s
`, took.Round(time.Millisecond), d.rig.issuerURL, d.rig.echoHost, d.rig.echoPort,
		d.rig.echoHost, d.rig.usersPort, d.rig.api, d.rig.apiTLS, d.rig.admin, d.rig.adminKey, d.rig.dir, d.token)
}

// outro prints what the tour in README.md needs.
func (d *demo) outro() {
	d.printf(`
Still running; Ctrl-C ends it. To go on by hand, paste this into another terminal:

export ADMIN=http://%s
export ADMIN_TLS=https://%s
export GATEWAY=http://%s
export GATEWAY_TLS=https://%s
export CERTS=%s
export SERVICE_HOST=%s
export SERVICE_PORT=%d
export USERS_PORT=%d
export ADMIN_KEY=%s
export AUTHGATE_ADMIN_URL=http://%s
export AUTHGATE_ADMIN_KEY=%s
export TOKEN=%s
`, d.rig.admin, d.rig.adminTLS, d.rig.api, d.rig.apiTLS, d.rig.dir, d.rig.echoHost, d.rig.echoPort, d.rig.usersPort, d.rig.adminKey,
		d.rig.admin, d.rig.adminKey, d.token)
}

func (d *demo) serviceType() error {
	d.title("Say which hosts one kind of credential is for")
	body := fmt.Sprintf(`{"name": "reports", "hosts": [%q], "auth_types": ["oidc"], "auth_method": "api-key", "type": "custom"}`, d.rig.echoHost)
	_, err := d.admin(http.MethodPost, "/v1/service-types", body, http.StatusCreated)
	return err
}

func (d *demo) authMethod() error {
	d.title("Store the service's API key in the gateway; callers never get it")
	body := fmt.Sprintf(`{"host": %q, "port": %d, "access_key": "key-of-monday"}`, d.rig.echoHost, d.rig.echoPort)
	_, err := d.admin(http.MethodPost, "/v1/service-types/reports/authm", body, http.StatusCreated)
	return err
}

func (d *demo) call() error {
	d.title("Call the service with nothing but a token of the issuer")
	seen, err := d.through(nil, "Bearer "+d.token, http.StatusOK)
	if err != nil {
		return err
	}
	return wantHeaders(seen, map[string]string{
		"X-Api-Key": "key-of-monday", "X-Auth-Subject": "repo:acme/app:ref:refs/heads/main", "Authorization": "",
	})
}

func (d *demo) rotate() error {
	d.title("Rotate the key; the very next call carries the new one")
	path := "/v1/service-types/reports/hosts/" + d.rig.echoHost + "/authm"
	if _, err := d.admin(http.MethodPut, path, `{"access_key": "key-of-tuesday"}`, http.StatusOK); err != nil {
		return err
	}
	seen, err := d.through(nil, "Bearer "+d.token, http.StatusOK)
	if err != nil {
		return err
	}
	return wantHeaders(seen, map[string]string{"X-Api-Key": "key-of-tuesday"})
}

func (d *demo) forge() error {
	d.title("Forge headers, and try to delete the gateway's own through Connection")
	seen, err := d.through(map[string]string{
		"X-Auth-Subject": "admin", "X_Api_Key": "mine", "Connection": "close, X-Api-Key, X-Auth-Subject",
	}, "Bearer "+d.token, http.StatusOK)
	if err != nil {
		return err
	}
	return wantHeaders(seen, map[string]string{
		"X-Api-Key": "key-of-tuesday", "X-Auth-Subject": "repo:acme/app:ref:refs/heads/main", "X_api_key": "", "X_Api_Key": "",
	})
}

func (d *demo) noToken() error {
	d.title("Come without a token")
	_, err := d.through(nil, "", http.StatusUnauthorized)
	return err
}

func (d *demo) badToken() error {
	d.title("Come with a token whose signature is wrong")
	forged := d.token[:strings.LastIndexByte(d.token, '.')+1] + strings.Repeat("A", 86) // the length of an ES256 signature
	_, err := d.through(nil, "Bearer "+forged, http.StatusUnauthorized)
	return err
}

func (d *demo) title(text string) {
	d.steps++
	d.printf("\n%d. %s\n\n", d.steps, text)
}

func (d *demo) admin(method, path, body string, want int) ([]byte, error) {
	url := "http://" + d.rig.admin + path
	d.printf("   $ curl -X %s %s \\\n       -H \"Authorization: Bearer $ADMIN_KEY\"", method, url)
	if body != "" {
		d.printf(" \\\n       -d '%s'", body)
	}
	d.printf("\n")
	req, err := http.NewRequestWithContext(d.ctx, method, url, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+d.rig.adminKey)
	return d.do(req, want)
}

// through calls the service behind the gateway and returns the headers it saw.
func (d *demo) through(headers map[string]string, authorization string, want int) (map[string]string, error) {
	url := "http://" + d.rig.api + "/reports/today"
	d.printf("   $ curl %s", url)
	req, err := http.NewRequestWithContext(d.ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	if authorization != "" {
		shown := strings.ReplaceAll(authorization, d.token, "$TOKEN")
		d.printf(" \\\n       -H \"Authorization: %s\"", shown)
		req.Header.Set("Authorization", authorization)
	}
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		d.printf(" \\\n       -H '%s: %s'", name, headers[name])
		req.Header[name] = []string{headers[name]}
	}
	d.printf("\n")
	body, err := d.do(req, want)
	if err != nil || want != http.StatusOK {
		return nil, err
	}
	var seen struct {
		Headers map[string]string `json:"headers"`
	}
	if err := json.Unmarshal(body, &seen); err != nil {
		return nil, fmt.Errorf("the echo service's answer: %w", err)
	}
	return seen.Headers, nil
}

func (d *demo) do(req *http.Request, want int) ([]byte, error) {
	return d.send(http.DefaultClient, req, want)
}

func (d *demo) send(client *http.Client, req *http.Request, want int) ([]byte, error) {
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	d.printf("   %s\n", resp.Status)
	if c := resp.Header.Get("WWW-Authenticate"); c != "" {
		d.printf("   WWW-Authenticate: %s\n", c)
	}
	var shown bytes.Buffer
	if json.Indent(&shown, body, "   ", "  ") == nil && shown.Len() > 0 {
		d.printf("   %s\n", strings.TrimSpace(shown.String()))
	}
	if resp.StatusCode != want {
		return nil, fmt.Errorf("%s %s: got %s, want %d", req.Method, req.URL.Path, resp.Status, want)
	}
	return body, nil
}

// wantHeaders compares; an empty value means the service must not have seen the header.
func wantHeaders(seen, want map[string]string) error {
	for name, value := range want {
		if seen[name] != value {
			return fmt.Errorf("the service saw %s: %q, want %q", name, seen[name], value)
		}
	}
	return nil
}
