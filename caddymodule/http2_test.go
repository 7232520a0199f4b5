package caddymodule_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/quic-go/http3"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// h2call is a request as a client writes it in HTTP/2 frames: nothing checks it on the way.
type h2call struct {
	fields   [][2]string // after the pseudo-headers, unless they name some
	body     string
	trailers [][2]string
}

// send writes the frames on a connection of its own and reads the answer's head. Status 0 means that
// the stream or the connection was refused.
func (c h2call) send(t testing.TB, r *rig, sni string) result {
	t.Helper()
	conn, err := dial(r.tls, r.pki.clientTLS(sni, "h2"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	name := newCase()
	_, _ = io.WriteString(conn, http2.ClientPreface)
	framer := http2.NewFramer(conn, conn)
	framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	_ = framer.WriteSettings()
	fields := c.fields
	if !slices.ContainsFunc(fields, func(f [2]string) bool { return strings.HasPrefix(f[0], ":") }) {
		fields = append([][2]string{{":method", "POST"}, {":scheme", "https"}, {":authority", sni}, {":path", "/x"}}, fields...)
	}
	fields = append(fields, [2]string{strings.ToLower(caseHeader), name})
	_ = framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: encodeFields(fields), EndHeaders: true, EndStream: c.body == "" && c.trailers == nil})
	if c.body != "" || c.trailers != nil {
		_ = framer.WriteData(1, c.trailers == nil, []byte(c.body))
	}
	if c.trailers != nil {
		_ = framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: encodeFields(c.trailers), EndHeaders: true, EndStream: true})
	}
	var out result
	for done := false; !done; {
		frame, err := framer.ReadFrame()
		if err != nil {
			break
		}
		switch f := frame.(type) {
		case *http2.MetaHeadersFrame:
			if out.status == 0 {
				_, _ = fmt.Sscan(f.PseudoValue("status"), &out.status)
			}
			done = f.StreamEnded()
		case *http2.DataFrame:
			out.body += string(f.Data())
			done = f.StreamEnded()
		case *http2.RSTStreamFrame, *http2.GoAwayFrame:
			done = true
		case *http2.SettingsFrame:
			if !f.IsAck() {
				_ = framer.WriteSettingsAck()
			}
		}
	}
	out.arrived = r.take(name)
	return out
}

func encodeFields(fields [][2]string) []byte {
	var b bytes.Buffer
	e := hpack.NewEncoder(&b)
	for _, f := range fields {
		_ = e.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]}) // to memory
	}
	return b.Bytes()
}

// testHTTP2 repeats the attacks that depend on the protocol over HTTP/2 and HTTP/3.
func testHTTP2(t *testing.T, r *rig) {
	bearer := [2]string{"authorization", "Bearer " + r.users["admin"]}
	const sni = "api.tls.test"
	// answered asserts that a request was refused, or came through with the gateway's values only.
	answered := func(t *testing.T, out result) {
		t.Helper()
		if out.status != http.StatusOK {
			out.refused(t, 0, 400, 401, 405)
			return
		}
		w := out.passed(t)
		w.sees(t, "X-Api-Key", apiKey)
		w.sees(t, "X-Auth-Subject", "root")
		w.sees(t, "Authorization", "")
		if strings.Contains(w.String(), "evil") {
			t.Errorf("the client's value reached the upstream:\n%s", w)
		}
	}
	t.Run("passes", func(t *testing.T) {
		t.Parallel()
		out := h2call{fields: [][2]string{bearer}, body: "hi"}.send(t, r, sni)
		answered(t, out)
		if w := out.passed(t); w.body != "hi" {
			t.Errorf("body %q", w.body)
		}
		h2call{}.send(t, r, sni).refused(t, 401)
	})
	for name, fields := range map[string][][2]string{
		"H1_spoofed":           {bearer, {"x-api-key", "evil"}, {"x-auth-subject", "evil"}, {"x-user-id", "evil"}},
		"H4_twins":             {bearer, {"x_api_key", "evil"}, {"x.auth.subject", "evil"}, {"x-auth_subject", "evil"}},
		"H5_repeated":          {bearer, {"x-api-key", "evil"}, {"x-api-key", "evil"}},
		"H6_connection":        {bearer, {"connection", "x-api-key, authorization, x-auth-subject"}},
		"H6_connection_close":  {bearer, {"connection", "close"}, {"proxy-connection", "x-api-key"}, {"keep-alive", "evil"}},
		"H8_te":                {bearer, {"te", "trailers"}},
		"H8_te_other":          {bearer, {"te", "trailers, evil"}},
		"H11_crlf":             {bearer, {"x-note", "a\r\nx-api-key: evil"}},
		"H11_nul":              {bearer, {"x-note", "evil\x00"}},
		"H11_name_with_colon":  {bearer, {"x-note: a\r\nx-api-key", "evil"}},
		"H18_upgrade":          {bearer, {"upgrade", "websocket"}, {"connection", "upgrade"}},
		"upper_case_name":      {bearer, {"X-Api-Key", "evil"}},
		"J18_two_tokens":       {bearer, bearer},
		"two_hosts":            {bearer, {"host", "evil"}},
		"content_length_wrong": {bearer, {"content-length", "1"}},
		"transfer_encoding":    {bearer, {"transfer-encoding", "chunked"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answered(t, h2call{fields: fields, body: "body"}.send(t, r, sni))
		})
	}
	for name, declared := range map[string][][2]string{
		"declared":     {bearer, {"trailer", "x-api-key, x-user-id, x-auth-subject, authorization"}},
		"undeclared":   {bearer},
		"one_declared": {bearer, {"trailer", "x-fine"}},
	} {
		t.Run("H7_trailers_"+name, func(t *testing.T) {
			t.Parallel()
			out := h2call{
				fields: declared, body: "body",
				trailers: [][2]string{{"x-api-key", "evil"}, {"x-user-id", "evil"}, {"x-auth-subject", "evil"}, {"authorization", "evil"}, {"x-fine", "yes"}},
			}.send(t, r, sni)
			answered(t, out)
		})
	}
	for name, pseudo := range map[string][][2]string{
		"H18_connect":               {{":method", "CONNECT"}, {":authority", sni}},
		"H18_connect_websocket":     {{":method", "CONNECT"}, {":protocol", "websocket"}, {":scheme", "https"}, {":path", "/"}, {":authority", sni}},
		"H18_connect_other":         {{":method", "CONNECT"}, {":protocol", "connect-udp"}, {":scheme", "https"}, {":path", "/"}, {":authority", sni}},
		"P12_unknown_method":        {{":method", "GeT"}, {":scheme", "https"}, {":path", "/"}, {":authority", sni}},
		"P4_backslash":              {{":method", "GET"}, {":scheme", "https"}, {":path", "/a\\b"}, {":authority", sni}},
		"P3_parameters":             {{":method", "GET"}, {":scheme", "https"}, {":path", "/a;b"}, {":authority", sni}},
		"path_with_space":           {{":method", "GET"}, {":scheme", "https"}, {":path", "/a HTTP/1.1\r\nX-Api-Key: evil"}, {":authority", sni}},
		"path_without_slash":        {{":method", "GET"}, {":scheme", "https"}, {":path", "admin"}, {":authority", sni}},
		"two_paths":                 {{":method", "GET"}, {":scheme", "https"}, {":path", "/a"}, {":path", "/b"}, {":authority", sni}},
		"pseudo_header_in_the_tail": {{":method", "GET"}, {":scheme", "https"}, {":path", "/"}, {":authority", sni}, {"x-a", "b"}, {":path", "/evil"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h2call{fields: append(slices.Clone(pseudo), bearer)}.send(t, r, sni).refused(t, 0, 400, 405)
			h2call{fields: pseudo}.send(t, r, sni).refused(t, 0, 400, 401, 405)
		})
	}
	t.Run("http3", func(t *testing.T) { testHTTP3(t, r) })
}

// overHTTP3 returns a client that speaks nothing else and always dials the TLS sites.
func (r *rig) overHTTP3(t testing.TB, secure *tls.Config) *http.Client {
	t.Helper()
	transport := &http3.Transport{TLSClientConfig: secure}
	t.Cleanup(func() { _ = transport.Close() })
	return &http.Client{Transport: transport, Timeout: exchangeTime}
}

func testHTTP3(t *testing.T, r *rig) {
	client := r.overHTTP3(t, r.pki.clientTLS("api.tls.test"))
	send := func(t *testing.T, change func(*http.Request)) result {
		t.Helper()
		name := newCase()
		req, err := http.NewRequest(http.MethodPost, "https://"+r.tls+"/x", io.NopCloser(strings.NewReader("body")))
		if err != nil {
			t.Fatal(err)
		}
		req.Host = "api.tls.test"
		req.Header = http.Header{caseHeader: {name}, "Authorization": {"Bearer " + r.users["admin"]}}
		change(req)
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		return result{status: resp.StatusCode, arrived: r.take(name)}
	}
	evil := http.Header{"X-Api-Key": {"evil", "evil"}, "X-Auth-Subject": {"evil"}, "X-User-Id": {"evil"}, "X_api_key": {"evil"}}
	t.Run("H1_H5_spoofed", func(t *testing.T) {
		out := send(t, func(req *http.Request) {
			for n, v := range evil {
				req.Header[n] = v
			}
		})
		w := out.passed(t)
		w.sees(t, "X-Api-Key", apiKey)
		w.sees(t, "X-Auth-Subject", "root")
	})
	t.Run("H7_trailers", func(t *testing.T) {
		out := send(t, func(req *http.Request) { req.Trailer = evil.Clone() })
		w := out.passed(t)
		if w.body != "body" || strings.Contains(w.String(), "evil") {
			t.Errorf("at the upstream:\n%s", w)
		}
	})
	t.Run("no_token", func(t *testing.T) {
		send(t, func(req *http.Request) { req.Header.Del("Authorization") }).refused(t, 401)
	})
	t.Run("P3_parameters", func(t *testing.T) {
		send(t, func(req *http.Request) { req.URL.Path = "/public/..;/admin" }).refused(t, 400)
	})
	t.Run("P12_unknown_method", func(t *testing.T) {
		send(t, func(req *http.Request) { req.Method = "FOO" }).refused(t, 405)
	})
}

// testSNI is about a client that is let in under one name and asks for another (specs P9).
func testSNI(t *testing.T, r *rig) {
	const open, closed = "api.tls.test", "mtls.tls.test"
	authority := func(host string) h2call {
		return h2call{fields: [][2]string{
			{":method", "GET"}, {":scheme", "https"}, {":path", "/"}, {":authority", host}, {"authorization", "Bearer " + r.users["admin"]},
		}}
	}
	t.Run("P9_http1", func(t *testing.T) {
		t.Parallel()
		c := call{Host: closed, Token: r.users["admin"], TLS: r.pki.clientTLS(open, "http/1.1")}
		c.send(t, r.tls, r.recorder).refused(t, 421)
		c.Line = "GET https://" + closed + "/"
		c.Host = open
		c.send(t, r.tls, r.recorder).refused(t, 421)
		c.Line = ""
		c.send(t, r.tls, r.recorder).passed(t)
	})
	t.Run("P9_http2", func(t *testing.T) {
		t.Parallel()
		authority(closed).send(t, r, open).refused(t, 421)
		authority(open).send(t, r, open).passed(t)
	})
	t.Run("P9_http2_coalesced", func(t *testing.T) {
		t.Parallel()
		// One connection, made for the open name, is used again for the closed one, as browsers do.
		transport := &http.Transport{TLSClientConfig: r.pki.clientTLS(open), ForceAttemptHTTP2: true}
		defer transport.CloseIdleConnections()
		client := &http.Client{Transport: transport, Timeout: exchangeTime}
		for host, want := range map[string]int{open: 200, closed: 421} {
			out := r.fetch(t, client, host)
			if out.status != want || want != 200 && len(out.arrived) > 0 {
				t.Errorf("%s: status %d, upstream called %d times", host, out.status, len(out.arrived))
			}
		}
	})
	t.Run("P9_http3", func(t *testing.T) {
		t.Parallel()
		client := r.overHTTP3(t, r.pki.clientTLS(open))
		r.fetch(t, client, open).passed(t)
		r.fetch(t, client, closed).refused(t, 421)
	})
	t.Run("client_certificate_is_demanded", func(t *testing.T) {
		t.Parallel()
		secure := r.pki.clientTLS(closed, "http/1.1")
		c := call{Host: closed, Token: r.users["admin"], TLS: secure}
		if conn, err := dial(r.tls, secure); err == nil {
			// TLS 1.3 tells the client only after its first read.
			_ = conn.SetDeadline(time.Now().Add(exchangeTime))
			_, _ = io.WriteString(conn, c.bytes(newCase()))
			if n, err := conn.Read(make([]byte, 1)); err == nil && n > 0 {
				t.Error("the site answered a client without a certificate")
			}
			_ = conn.Close()
		}
		secure.Certificates = []tls.Certificate{r.pki.client}
		c.send(t, r.tls, r.recorder).passed(t)
		// The certificate lets the client reach the site; it is no credential yet.
		call{Host: closed, TLS: secure}.send(t, r.tls, r.recorder).refused(t, 401)
	})
}

// fetch gets / of a TLS site through client, which decides about the connection.
func (r *rig) fetch(t *testing.T, client *http.Client, host string) result {
	t.Helper()
	name := newCase()
	req, err := http.NewRequest(http.MethodGet, "https://"+r.tls+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = host
	req.Header = http.Header{caseHeader: {name}, "Authorization": {"Bearer " + r.users["admin"]}}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return result{status: resp.StatusCode, arrived: r.take(name)}
}
