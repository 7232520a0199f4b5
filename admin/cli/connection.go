package cli

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/authgate/authgate/internal/secret"
)

const (
	defaultServer  = "http://127.0.0.1:9180"
	defaultTimeout = 30 * time.Second

	envServer = "AUTHGATE_ADMIN_URL"
	envKey    = "AUTHGATE_ADMIN_KEY"
)

// connection holds the flags of all commands that talk to the management API.
type connection struct {
	server, keyFile, ca string
	timeout             time.Duration
	plainHTTP           bool
}

func connectionFlags(cmd *cobra.Command) *connection {
	c := new(connection)
	f := cmd.PersistentFlags()
	f.StringVar(&c.server, "server", "", "URL of the management API (env "+envServer+", default "+defaultServer+")")
	f.StringVar(&c.keyFile, "key-file", "", "file with the admin key, - for stdin (default: the key in env "+envKey+")")
	f.StringVar(&c.ca, "ca", "", "PEM file with the CAs to trust for https, instead of the system's")
	f.DurationVar(&c.timeout, "timeout", defaultTimeout, "longest time for one request")
	f.BoolVar(&c.plainHTTP, "insecure-plain-http", false, "send the key over plain http to another machine")
	return c
}

// open reads the key and returns the API. It sends nothing yet.
func (p *program) open(c *connection, secrets *secretReader) (*api, error) {
	text, from := c.server, "--server"
	if text == "" {
		text, from = p.Getenv(envServer), envServer
	}
	if text == "" {
		text = defaultServer
	}
	base, err := url.Parse(text)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, usagef("%s is not an http or https URL", from)
	}
	if base.User != nil || base.RawQuery != "" || base.Fragment != "" {
		return nil, usagef("%s must hold no user, query or fragment: the key is sent as a header", from)
	}
	if c.timeout <= 0 {
		return nil, usagef("--timeout must be positive")
	}
	transport := &http.Transport{TLSHandshakeTimeout: 10 * time.Second, MaxResponseHeaderBytes: 64 << 10}
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	if base.Scheme == "https" {
		transport.Proxy = http.ProxyFromEnvironment
		if transport.TLSClientConfig, err = tlsConfig(c.ca); err != nil {
			return nil, err
		}
	} else if !c.plainHTTP {
		dialer.Control = loopbackOnly
	}
	transport.DialContext = dialer.DialContext
	key, err := p.adminKey(c, secrets)
	if err != nil {
		return nil, err
	}
	return &api{base: base, key: key, timeout: c.timeout, http: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

func (p *program) adminKey(c *connection, secrets *secretReader) (secret.String, error) {
	if c.keyFile != "" {
		key, err := secrets.read("the admin key", c.keyFile)
		return checkKey(key, err)
	}
	key := secret.New(p.Getenv(envKey))
	if key.Empty() {
		return key, usagef("there is no admin key: set %s, or name a file with --key-file", envKey)
	}
	return checkKey(key, nil)
}

// checkKey refuses what could not be sent as it is.
func checkKey(key secret.String, err error) (secret.String, error) {
	if err == nil && strings.ContainsFunc(key.Reveal(), func(r rune) bool { return r <= ' ' || r > '~' }) {
		err = errors.New("the admin key holds a character that cannot be sent as a bearer")
	}
	return key, err
}

var errPlainHTTP = errors.New("plain http would show the key to the network")

// loopbackOnly judges the address really dialled, whatever the name in the URL resolves to.
func loopbackOnly(_, address string, _ syscall.RawConn) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return errPlainHTTP
	}
	return nil
}

func tlsConfig(ca string) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if ca == "" {
		return config, nil
	}
	pem, err := os.ReadFile(ca)
	if err != nil {
		return nil, fmt.Errorf("reading --ca: %w", err)
	}
	config.RootCAs = x509.NewCertPool()
	if !config.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("reading --ca: %s holds no certificate", ca)
	}
	return config, nil
}

// transportError explains why no answer came.
func transportError(server string, timeout time.Duration, err error) error {
	var unknownCA x509.UnknownAuthorityError
	switch {
	case errors.Is(err, errPlainHTTP):
		return hinted(usagef("%s is plain http to another machine: the key would be readable on the way", server),
			"use https, or --insecure-plain-http if nobody can listen there")
	case errors.Is(err, context.DeadlineExceeded):
		return hinted(fmt.Errorf("%s did not answer within %s", server, timeout), "a write may have happened all the same; look before you repeat it")
	case errors.Is(err, context.Canceled):
		return errors.New("interrupted")
	case errors.As(err, &unknownCA):
		return hinted(fmt.Errorf("%s shows a certificate of an unknown authority", server), "name the file of its CA with --ca")
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err // without the URL
	}
	return fmt.Errorf("calling %s: %w", server, err)
}
