package authmethods_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/authgate/authgate/authmethods"
	"github.com/authgate/authgate/internal/secret"
)

// injected attaches m, below a service type of the given kind, and returns what Inject said and did.
func injected(t *testing.T, kind string, m authmethods.Method) (authmethods.Injected, *http.Request) {
	t.Helper()
	rig := newRig(t, authmethods.Declared{})
	rig.serviceType("one", kind, "a.corp")
	m.Host, m.Port = "a.corp", 443
	rig.method("one", m)
	r := outgoing("https://a.corp/p?a=1")
	got, err := rig.svc.Injector("", authmethods.InjectOptions{}).Inject(t.Context(), r, targetOf(t, r), nil)
	if err != nil || !got.Any() {
		t.Fatalf("attached %v, error %v", got.Any(), err)
	}
	return got, r
}

func TestScrub(t *testing.T) {
	t.Parallel()
	const special = "s3cr3t/with space&more"
	tests := []struct {
		name   string
		kind   string
		method authmethods.Method
		value  string
		gone   bool
	}{
		{"H16_echo", authmethods.KindAPIKey, authmethods.Method{AccessKey: secret.New(key)}, key, true},
		{"H16_inside_other_text", authmethods.KindAPIKey, authmethods.Method{AccessKey: secret.New(key)}, "you sent " + key + ".", true},
		{"H16_query_encoded_in_location", authmethods.KindAPIKey,
			authmethods.Method{AccessKey: secret.New(special), Path: "/?key={{access_key}}"}, "/next?key=" + url.QueryEscape(special), true},
		{"H16_path_encoded", authmethods.KindAPIKey, authmethods.Method{AccessKey: secret.New(special)}, "/" + url.PathEscape(special), true},
		{"H16_token_without_scheme", authmethods.KindHeaders,
			authmethods.Method{Headers: secrets(map[string]string{"Authorization": "Bearer " + key})}, key, true},
		{"short_secret_equal", authmethods.KindAPIKey, authmethods.Method{AccessKey: secret.New("key1")}, "key1", true},
		{"short_secret_inside", authmethods.KindAPIKey, authmethods.Method{AccessKey: secret.New("key1")}, "monkey123", false},
		{"other_value", authmethods.KindAPIKey, authmethods.Method{AccessKey: secret.New(key)}, "s3cr3t", false},
		{"accept_is_no_secret", authmethods.KindHeaders,
			authmethods.Method{Headers: secrets(map[string]string{"Accept": "application/json", "X-T": key})}, "application/json", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, _ := injected(t, tt.kind, tt.method)
			h := http.Header{"X-Echo": {"harmless", tt.value}, "Content-Length": {"3"}}
			want := 0
			if tt.gone {
				want = 1
			}
			if n := got.Scrub(h); n != want {
				t.Errorf("Scrub = %d, want %d", n, want)
			}
			if _, left := h["X-Echo"]; left == tt.gone {
				t.Errorf("headers left: %v", h)
			}
			if h.Get("Content-Length") != "3" {
				t.Errorf("a harmless header is gone: %v", h)
			}
		})
	}
	t.Run("zero_value", func(t *testing.T) {
		t.Parallel()
		var none authmethods.Injected
		if none.Any() || none.Scrub(http.Header{"A": {key}}) != 0 || none.Redact(errStub) != errStub {
			t.Error("the zero Injected does something")
		}
	})
}

var errStub = errors.New("stub")

func TestRedact(t *testing.T) {
	t.Parallel()
	query, r := injected(t, authmethods.KindAPIKey,
		authmethods.Method{AccessKey: secret.New("AK 1&x=2#longer"), Path: "/?key={{access_key}}"})
	header, _ := injected(t, authmethods.KindAPIKey, authmethods.Method{AccessKey: secret.New(`qu"ote\d-s3cr3t`)})
	leaking := &url.Error{Op: "Get", URL: r.URL.String(), Err: context.DeadlineExceeded}
	tests := []struct {
		name string
		by   authmethods.Injected
		err  error
		same bool
	}{
		{"H17_url_error", query, leaking, false},
		{"H17_wrapped", query, fmt.Errorf("roundtrip: %w", leaking), false},
		{"H17_plain_value", query, errors.New("bad value AK 1&x=2#longer"), false},
		{"H17_quoted_value", header, fmt.Errorf("bad value %q", `qu"ote\d-s3cr3t`), false},
		{"harmless", query, fmt.Errorf("dial tcp: %w", context.DeadlineExceeded), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := tt.by.Redact(tt.err)
			if same := errors.Is(got, tt.err) && got.Error() == tt.err.Error(); same != tt.same {
				t.Fatalf("Redact(%v) = %v", tt.err, got)
			}
			if tt.same {
				return
			}
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
				text := fmt.Sprintf(verb, got)
				for _, hidden := range []string{"AK", "x%3D2", "s3cr3t"} {
					if strings.Contains(text, hidden) {
						t.Errorf("%s prints %q", verb, text)
					}
				}
			}
			if errors.Unwrap(got) != nil {
				t.Error("the cause can be unwrapped")
			}
		})
	}
	t.Run("still_answers_is_and_timeout", func(t *testing.T) {
		t.Parallel()
		got := query.Redact(leaking)
		var timeout interface{ Timeout() bool }
		if !errors.Is(got, context.DeadlineExceeded) || !errors.As(got, &timeout) || !timeout.Timeout() {
			t.Errorf("%v lost what it is", got)
		}
	})
	if header.Redact(nil) != nil {
		t.Error("Redact(nil) is an error")
	}
}
