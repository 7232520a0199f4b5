package authn

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
)

var errEncoding = errors.New("answered with a content encoding nobody asked for")

// newFetchClient makes the client for one issuer, or for revocation lists. Its requests are bounded by their
// context. It uses no proxy, since the guard must see the address that is really dialled, and keeps no connection,
// so that none outlives its owner.
//
// Answers end one byte after limit, and redirect is the error for those that lead elsewhere.
func newFetchClient(guard addressGuard, roots *x509.CertPool, limit int64, redirect error) *http.Client {
	return &http.Client{Transport: newFetchTransport(guard, roots, limit, redirect)}
}

func newFetchTransport(guard addressGuard, roots *x509.CertPool, limit int64, redirect error) strictTransport {
	dialer := &net.Dialer{Control: guard.control}
	return strictTransport{next: &http.Transport{
		DialContext:            dialer.DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		MaxResponseHeaderBytes: 64 << 10,
		DisableKeepAlives:      true,
		DisableCompression:     true, // a compressed bomb is then only bytes that mean nothing
	}, limit: limit, redirect: redirect}
}

// strictTransport lets only uncompressed answers with status 200 through, so that no redirect is ever
// followed (specs K5), and ends them one byte after the limit, which parseJWKS and fetch of a list refuse and
// which go-oidc can only take for broken JSON. Being below go-oidc, it also keeps that from copying an error page of
// any size into an error text.
type strictTransport struct {
	next     http.RoundTripper
	limit    int64
	redirect error
	quote    bool // the beginning of an error page goes into the error
}

// statusError is an answer with another status than 200.
type statusError struct {
	code int
	text string
}

func (e *statusError) Error() string { return e.text }

const maxPage = 200

func (t strictTransport) statusError(resp *http.Response) error {
	e := &statusError{code: resp.StatusCode, text: fmt.Sprintf("answered with status %d", resp.StatusCode)}
	if t.quote {
		page, _ := io.ReadAll(io.LimitReader(resp.Body, maxPage)) // what could be read is as good as any
		e.text = statusText(e.code) + ": " + printable(string(page), maxPage)
	}
	return e
}

func statusText(code int) string { return strconv.Itoa(code) + " " + http.StatusText(code) }

func (t strictTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := t.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	switch {
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		err = t.redirect
	case resp.StatusCode != http.StatusOK:
		err = t.statusError(resp)
	case resp.Header.Get("Content-Encoding") != "" && resp.Header.Get("Content-Encoding") != "identity":
		err = errEncoding
	}
	if err != nil {
		resp.Body.Close()
		return nil, err
	}
	resp.Body = &limitedBody{Reader: io.LimitReader(resp.Body, t.limit+1), Closer: resp.Body}
	return resp, nil
}

type limitedBody struct {
	io.Reader
	io.Closer
}
