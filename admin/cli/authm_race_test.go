package cli_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// TestA6_SetRace: what somebody else changes between set's look at an auth method and its write is not lost.
func TestA6_SetRace(t *testing.T) {
	t.Parallel()
	const path = "/v1/service-types/reports/hosts/api.internal/authm"
	g := fixture(t)
	s := g.shell()
	key := file(t, "sk-mine")
	for name, theirs := range map[string][]string{
		`"path": "/theirs"`:             {"--path", "/theirs"},
		`"retrieval_field": "theirs"`:   {"--retrieval-field", "theirs"},
		`"access_key": "sk-theirs-now"`: {"--access-key-file", file(t, "sk-theirs-now")},
	} {
		g.before(t, http.MethodPut, path, append([]string{"authm", "set", "reports", "api.internal:9000"}, theirs...))
		s.fails(t, 1, "(status 412)\nHint: somebody changed it at the same moment; look at it, and repeat the command",
			"authm", "set", "reports", "api.internal:9000", "--access-key-file", key)
		if out := s.ok(t, "authm", "get", "reports", "api.internal", "-o", "json", "--show-secrets"); !strings.Contains(out, name) {
			t.Errorf("their change is lost: %q is missing in %s", name, out)
		}
	}
	s.ok(t, "authm", "set", "reports", "api.internal:9000", "--access-key-file", key)
}

// TestSetSendsWhatIsAsked and nothing that it has read.
func TestSetSendsWhatIsAsked(t *testing.T) {
	t.Parallel()
	stored := `{"service_uuid":"u","host":"api.internal","port":9000,"type":"api-key","uuid":"m","created_on":"x","path":"/p","retrieval_field":"f","access_key":"k"}`
	for name, tt := range map[string]struct {
		flags   []string
		members []string
		match   string
	}{
		"port":       {nil, []string{"port"}, `"41"`},
		"path":       {[]string{"--path", "/other"}, []string{"path", "port"}, `"41"`},
		"no_path":    {[]string{"--path", ""}, []string{"path", "port"}, `"41"`},
		"field":      {[]string{"--retrieval-field", "g"}, []string{"port", "retrieval_field"}, `"41"`},
		"secret":     {[]string{"--access-key-file", file(t, "n")}, []string{"access_key", "port"}, `"41"`},
		"A6_match":   {[]string{"--if-match", "7"}, []string{"port"}, `"7"`},
		"A6_anyhow":  {[]string{"--if-match", "*"}, []string{"port"}, "*"},
		"everything": {[]string{"--path", "", "--retrieval-field", "", "--access-key-file", file(t, "n")}, []string{"access_key", "path", "port", "retrieval_field"}, `"41"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var body map[string]any
			var match string
			s := fake(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodPut {
					match = r.Header.Get("If-Match")
					if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
						t.Error(err)
					}
				}
				if !strings.HasSuffix(r.URL.Path, "/authm") {
					answer(w, `{"name":"reports","hosts":["api.internal"],"auth_types":["oidc"],"auth_method":"api-key","type":"custom","uuid":"u","created_on":"x"}`)
					return
				}
				w.Header().Set("ETag", `"41"`)
				answer(w, stored)
			})
			s.ok(t, append([]string{"authm", "set", "reports", "api.internal:9001"}, tt.flags...)...)
			if got := slices.Sorted(maps.Keys(body)); !slices.Equal(got, tt.members) || match != tt.match {
				t.Errorf("sent %v with If-Match %s; want %v and %s", got, match, tt.members, tt.match)
			}
		})
	}
}
