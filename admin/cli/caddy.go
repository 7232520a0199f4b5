package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

const (
	defaultCaddy = "localhost:2019"
	envCaddy     = "CADDY_ADMIN"
)

// caddyFlag is the flag of the commands that talk to Caddy's admin socket.
func caddyFlag(cmd *cobra.Command) *string {
	return cmd.Flags().String("caddy-address", "", "Caddy's admin socket: host:port or unix//path (env "+envCaddy+", default "+defaultCaddy+")")
}

// caddy is Caddy's admin socket. Who reaches it may do everything there, so it takes no key.
type caddy struct {
	address string // for messages
	host    string
	origin  string // for sockets with enforce_origin; empty for none
	http    *http.Client
}

func (p *program) openCaddy(address string) (*caddy, error) {
	if address == "" {
		address = p.Getenv(envCaddy)
	}
	if address == "" {
		address = defaultCaddy
	}
	network, target, err := caddyTarget(address)
	if err != nil {
		return nil, err
	}
	host, origin := target, "http://"+target
	if network == "unix" {
		host, origin = "127.0.0.1", "" // what Caddy takes on a unix socket
	}
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	return &caddy{address: address, host: host, origin: origin, http: &http.Client{
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return dialer.DialContext(ctx, network, target)
			},
			MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// caddyTarget reads an address as Caddy writes them: unix//path|0200, tcp/host:port, host:port.
func caddyTarget(address string) (network, target string, err error) {
	if path, ok := strings.CutPrefix(address, "unix/"); ok {
		path, _, _ = strings.Cut(path, "|") // the socket's permissions
		if path == "" {
			return "", "", usagef("the address of Caddy's admin socket %s names no path", address)
		}
		return "unix", path, nil
	}
	target = strings.TrimPrefix(strings.TrimPrefix(address, "tcp/"), "http://")
	host, port, err := net.SplitHostPort(target)
	if err != nil || port == "" || strings.ContainsAny(target, "/?#@") {
		return "", "", usagef("the address of Caddy's admin socket is host:port or unix//path, not %s", address)
	}
	if host == "" {
		target = net.JoinHostPort("localhost", port)
	}
	return "tcp", target, nil
}

// call sends a request and returns an answer of status 200, whose body the caller reads and closes.
func (c *caddy) call(ctx context.Context, method, path string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+c.host+path, nil)
	if err != nil {
		return nil, usagef("the address of Caddy's admin socket is host:port or unix//path, not %s", c.address)
	}
	if c.origin != "" {
		req.Header.Set("Origin", c.origin)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, errors.New("interrupted")
		}
		return nil, hinted(fmt.Errorf("the admin socket of Caddy, %s, cannot be reached: %w", c.address, innermost(err)),
			"run this on the gateway's machine, and see that it runs; --caddy-address or %s names another socket", envCaddy)
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer resp.Body.Close()
	data, err := readBounded(resp.Body, 1<<20)
	if text := errorText(data); err == nil && text != "" {
		return nil, fmt.Errorf("%s (status %d)", clip(text, maxMessage), resp.StatusCode)
	}
	return nil, hinted(fmt.Errorf("%s answers %d to %s", c.address, resp.StatusCode, path), "is that Caddy's admin socket, of an authgate that has this command?")
}

// innermost is an error without the URL that net/http puts in front of it.
func innermost(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}
