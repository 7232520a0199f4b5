package authmethods_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/authgate/authgate/authmethods"
)

// TestRetrieveFaults: K5: whatever the external service does, the retrieval ends in time with an error that
// tells neither where it went, nor with what, nor what came back (H17).
func TestRetrieveFaults(t *testing.T) {
	t.Parallel()
	const echo = "echoed " + storedSecret + " un1que-user-key"
	const missing = "The specified retrieval field: `token` was not found in the response body of the service type"
	body := func(status int, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(text))
		}
	}
	tests := []struct {
		name   string
		answer http.HandlerFunc
		text   string
	}{
		{"H17_403_echo", body(http.StatusForbidden, echo), "the external service answered with status 403"},
		{"H17_503_is_not_ours", body(http.StatusServiceUnavailable, echo), "the external service answered with status 503"},
		{"404_with_token", body(http.StatusNotFound, `{"token":"t"}`), "the external service answered with status 404"},
		{"K5_redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		}, "the external service answered with status 302"},
		{"K5_HTML_with_200", body(http.StatusOK, "<html>"+echo+"</html>"), "the answer of the external service is not valid JSON"},
		{"K5_invalid_JSON", body(http.StatusOK, `{"token":"`+echo), "the answer of the external service is not valid JSON"},
		{"K5_nothing", body(http.StatusOK, ""), "the answer of the external service is not valid JSON"},
		{"K5_no_content", body(http.StatusNoContent, ""), "the answer of the external service is not valid JSON"},
		{"J15_duplicate", body(http.StatusOK, `{"token":"a","token":"b"}`), "the answer of the external service is not valid JSON"},
		{"text_after_it", body(http.StatusOK, `{"token":"a"}{}`), "the answer of the external service is not valid JSON"},
		{"depth", body(http.StatusOK, `{"token":`+strings.Repeat("[", 10000)+strings.Repeat("]", 10000)+"}"),
			"the answer of the external service is not valid JSON"},
		{"C52_field_absent", body(http.StatusOK, `{"Token":"t"}`), missing},
		{"C52_field_deeper", body(http.StatusOK, `{"a":{"token":"t"}}`), missing},
		{"no_object", body(http.StatusOK, `["token"]`), missing},
		{"null", body(http.StatusOK, `null`), missing},
		{"K5_huge", func(w http.ResponseWriter, _ *http.Request) {
			chunk := bytes.Repeat([]byte(" "), 64<<10)
			for {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		}, "the answer of the external service is too large"},
		{"K5_gzip_bomb", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			chunk := bytes.Repeat([]byte(" "), 1<<20)
			for range 64 {
				if _, err := z.Write(chunk); err != nil {
					return
				}
			}
			_ = z.Close()
		}, "the answer of the external service is too large"},
		{"K5_huge_headers", func(w http.ResponseWriter, _ *http.Request) {
			for i := range 2000 {
				w.Header().Set("X-"+strconv.Itoa(i), strings.Repeat("x", 100))
			}
			_, _ = w.Write([]byte(`{"token":"t"}`))
		}, "the answer of the external service cannot be read"},
		{"H17_echo_instead_of_HTTP", func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				_, _ = conn.Write([]byte(echo + "\r\n\r\n"))
				_ = conn.Close()
			}
		}, "the answer of the external service cannot be read"},
		{"cut_short", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte(`{"token":"t"}`))
		}, "the answer of the external service cannot be read"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e := newExternal(t)
			rig := mapRig(t, e, authmethods.Declared{}, tokenMethod())
			e.answers(tt.answer)
			_, err := tokenFor(rig, e.host)
			wantMapError(t, err, tt.text)
			wantHidden(t, err, hidden(e)...)
			if e.calls() != 1 {
				t.Errorf("%d calls, want 1", e.calls())
			}
		})
	}
}

// TestRetrieveEndsInTime: K5: a service that drips, or never answers.
func TestRetrieveEndsInTime(t *testing.T) {
	t.Parallel()
	stop := make(chan struct{})
	for name, answer := range map[string]http.HandlerFunc{
		"K5_slow_drip": func(w http.ResponseWriter, r *http.Request) {
			tick := time.NewTicker(5 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-tick.C:
					_, _ = w.Write([]byte(" "))
					_ = http.NewResponseController(w).Flush()
				case <-r.Context().Done():
					return
				}
			}
		},
		"K5_silence": func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-r.Context().Done():
			case <-stop:
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newExternal(t)
			rig := mapRig(t, e, authmethods.Declared{}, tokenMethod())
			authmethods.SetRetrieveTimeout(rig.svc, 200*time.Millisecond)
			e.answers(answer)
			_, err := tokenFor(rig, e.host)
			wantMapError(t, err, "the external service did not answer in time")
			wantHidden(t, err, hidden(e)...)
		})
	}
}

// TestRetrieveFollowsNoRedirect: K5: the host a redirect names sees nothing, least of all the credential.
func TestRetrieveFollowsNoRedirect(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 303, 307, 308} {
		other, e := newExternal(t), newExternal(t)
		e.answers(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL+"/?k="+storedSecret, status)
		})
		rig := mapRig(t, e, authmethods.Declared{}, tokenMethod())
		_, err := tokenFor(rig, e.host)
		wantMapError(t, err, "the external service answered with status "+strconv.Itoa(status))
		wantHidden(t, err, hidden(e)...)
		if other.calls() != 0 {
			t.Errorf("%d: the other host was called", status)
		}
	}
}

// TestRetrieveConnection: who may be called, and how.
func TestRetrieveConnection(t *testing.T) {
	t.Parallel()
	const notReached = "no connection to the external service can be made"
	tests := []struct {
		name   string
		server func(*httptest.Server)
		deps   func(*authmethods.Deps)
		text   string
	}{
		{name: "K6_loopback", deps: func(d *authmethods.Deps) { d.Retrieve.AllowPrivateAddresses = false }, text: notReached},
		{name: "unknown_CA", deps: func(d *authmethods.Deps) { d.Retrieve.Roots = nil }, text: "the certificate of the external service is not valid"},
		{name: "another_CA", deps: func(d *authmethods.Deps) { d.Retrieve.Roots = x509Pool() }, text: "the certificate of the external service is not valid"},
		{name: "TLS_1_1", server: func(s *httptest.Server) {
			s.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
		}, text: "the answer of the external service cannot be read"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e := newExternalWith(t, tt.server)
			rig := mapRig(t, e, authmethods.Declared{}, tokenMethod())
			deps := e.deps()
			if tt.deps != nil {
				tt.deps(&deps)
			}
			rig.svc = rig.configureWith(authmethods.Declared{}, deps)
			_, err := tokenFor(rig, e.host)
			wantMapError(t, err, tt.text)
			wantHidden(t, err, hidden(e)...)
			if e.calls() != 0 {
				t.Error("the service got the request")
			}
		})
	}
	t.Run("nobody_listens", func(t *testing.T) {
		t.Parallel()
		e := newExternal(t)
		rig := mapRig(t, e, authmethods.Declared{}, tokenMethod())
		e.Close()
		_, err := tokenFor(rig, e.host)
		wantMapError(t, err, notReached)
		wantHidden(t, err, hidden(e)...)
	})
	// A certificate from the right root, for another name.
	t.Run("another_name", func(t *testing.T) {
		t.Parallel()
		e := newExternal(t)
		e.host = "localhost"
		rig := mapRig(t, e, authmethods.Declared{}, tokenMethod())
		_, err := tokenFor(rig, e.host)
		wantMapError(t, err, "the certificate of the external service is not valid")
	})
	for _, host := range []string{"a@127.0.0.1", "127.0.0.1?", "127.0.0.1#", "a b", "fe80::1%lo", "h\u00f6st"} {
		t.Run("K6_host_"+url.PathEscape(host), func(t *testing.T) {
			t.Parallel()
			e := newExternal(t)
			e.host = host
			rig := mapRig(t, e, authmethods.Declared{}, tokenMethod())
			_, err := tokenFor(rig, e.host)
			wantMapError(t, err, "the host of the auth method is neither a name nor an address")
		})
	}
}

// TestRetrieveRequest: what the external service is asked, per kind and placement.
func TestRetrieveRequest(t *testing.T) {
	t.Parallel()
	path := "/v1/users:byUUID/un1que-user-key"
	placed := func(p string) authmethods.Declared {
		return authmethods.Declared{Defaults: map[string]authmethods.Defaults{"custom": {Placement: p}}}
	}
	encoded := strings.ReplaceAll(url.QueryEscape(storedSecret), "+", "%20")
	tests := []struct {
		name   string
		decl   authmethods.Declared
		method authmethods.Method
		uri    string
		header http.Header // those that must be there, nil: absent
	}{
		{name: "api_key_by_default", uri: path, header: http.Header{"X-Api-Key": {storedSecret}}},
		{name: "api_key_in_template", method: authmethods.Method{Path: tokenPath + "?key={{access_key}}"},
			uri: path + "?key=" + encoded, header: http.Header{"X-Api-Key": nil}},
		{name: "api_key_in_path", method: authmethods.Method{Path: "/{{access_key}}/{{identifier}}"},
			uri: "/" + encoded + "/un1que-user-key", header: http.Header{"X-Api-Key": nil}},
		{name: "placement_header", decl: placed("header X-Token"), uri: path,
			header: http.Header{"X-Token": {storedSecret}, "X-Api-Key": nil}},
		{name: "placement_query", decl: placed("query apikey"), uri: path + "?apikey=" + encoded, header: http.Header{"X-Api-Key": nil}},
		{name: "headers", method: authmethods.Method{Headers: secrets(map[string]string{"X-A": "1", "Accept": "a/b", "authorization": "Basic eA=="})},
			uri: path, header: http.Header{"X-A": {"1"}, "Accept": {"a/b"}, "Authorization": {"Basic eA=="}, "X-Api-Key": nil}},
		{name: "headers_do_not_choose_the_encoding", method: authmethods.Method{Headers: secrets(map[string]string{"X-A": "1", "Accept-Encoding": "br"})},
			uri: path, header: http.Header{"X-A": {"1"}, "Accept-Encoding": {"gzip"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e := newExternal(t)
			if tt.method.Path == "" {
				tt.method.Path = tokenPath
			}
			tt.method.RetrievalField = "token"
			rig := mapRig(t, e, tt.decl, tt.method)
			e.answersWith(http.StatusOK, `{"token":"t"}`)
			if got, err := tokenFor(rig, e.host); err != nil || got != `"t"` {
				t.Fatalf("got %s, %v", got, err)
			}
			r := e.last(t)
			if r.Method != http.MethodGet || r.RequestURI != tt.uri || r.Host != strings.TrimPrefix(e.URL, "https://") {
				t.Errorf("asked %s %s of %s, want GET %s", r.Method, r.RequestURI, r.Host, tt.uri)
			}
			for name, want := range tt.header {
				if got := r.Header[name]; strings.Join(got, "|") != strings.Join(want, "|") {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
		})
	}
}

// TestRetrieveEscapes: H12, specs/auth-methods 4.7: a user key that is more than a word stays where the
// path wants it; one that cannot is not sent.
func TestRetrieveEscapes(t *testing.T) {
	t.Parallel()
	e := newExternal(t)
	rig := mapRig(t, e, authmethods.Declared{}, tokenMethod())
	for key, want := range map[string]string{
		"../x": "%2E%2E%2Fx", "a/b?c#d": "a%2Fb%3Fc%23d", "AK 1&x=2": "AK%201%26x%3D2", "{{access_key}}": "%7B%7Baccess_key%7D%7D",
		"{env.HOME}": "%7Benv.HOME%7D", "..": "", ".": "",
	} {
		if _, err := rig.svc.UpdateBinding(rig.ctx, "b", authmethods.BindingPatch{UniqueKey: &key}, nil); err != nil {
			t.Fatal(err)
		}
		before := e.calls()
		_, err := tokenFor(rig, e.host)
		if want == "" {
			wantMapError(t, err, "the binding's unique key does not fit into the path of the auth method")
			if e.calls() != before {
				t.Errorf("%s was sent", key)
			}
			continue
		}
		if err != nil || e.last(t).RequestURI != "/v1/users:byUUID/"+want {
			t.Errorf("%s: asked for %s, %v; want %s", key, e.last(t).RequestURI, err, want)
		}
	}
}

// TestRetrieveKeepsToItself: the external service's informational responses are not the caller's, whose
// context the proxy has given a trace that passes them on (H16); and no cookie comes back to it.
func TestRetrieveKeepsToItself(t *testing.T) {
	t.Parallel()
	e := newExternal(t)
	rig := mapRig(t, e, authmethods.Declared{}, tokenMethod())
	e.answers(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", storedSecret)
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Set("Set-Cookie", "session=1")
		_, _ = w.Write([]byte(`{"token":"t"}`))
	})
	var passed atomic.Int32
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		Got1xxResponse: func(int, textproto.MIMEHeader) error { passed.Add(1); return nil },
		GotConn:        func(httptrace.GotConnInfo) { passed.Add(1) },
	})
	for range 2 {
		if _, err := rig.svc.TokenFor(ctx, "ext", e.host, authmethods.CertIdentity{DN: dn, HasSAN: true}); err != nil {
			t.Fatal(err)
		}
		rig.renewBinding()
	}
	if passed.Load() != 0 {
		t.Errorf("the caller's trace was called %d times", passed.Load())
	}
	if c := e.last(t).Header["Cookie"]; c != nil || e.calls() != 2 {
		t.Errorf("cookie %q in the last of %d calls", c, e.calls())
	}
}

// TestRetrieveHTTP2: dialling with roots of one's own keeps HTTP/2 and connections that are used again.
func TestRetrieveHTTP2(t *testing.T) {
	t.Parallel()
	e := newExternalWith(t, func(s *httptest.Server) { s.EnableHTTP2 = true })
	rig := mapRig(t, e, authmethods.Declared{}, tokenMethod())
	from := map[string]bool{}
	for range 3 {
		if _, err := tokenFor(rig, e.host); err != nil {
			t.Fatal(err)
		}
		r := e.last(t)
		from[r.RemoteAddr] = true
		if r.ProtoMajor != 2 {
			t.Errorf("asked by %s", r.Proto)
		}
		rig.renewBinding()
	}
	if len(from) != 1 || e.calls() != 3 {
		t.Errorf("%d connections, %d calls", len(from), e.calls())
	}
}

// TestRetrieveEndsWithTheCaller: TokenFor keeps no caller who has left.
func TestRetrieveEndsWithTheCaller(t *testing.T) {
	t.Parallel()
	e := newExternal(t)
	rig := mapRig(t, e, authmethods.Declared{}, tokenMethod())
	ctx, cancel := context.WithCancel(t.Context())
	e.answers(func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	_, err := rig.svc.TokenFor(ctx, "ext", e.host, authmethods.CertIdentity{DN: dn})
	wantMapError(t, err, "the external service did not answer in time")
}
