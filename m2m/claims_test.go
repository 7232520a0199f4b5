package m2m_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/m2m"
)

type claims = map[string][]string

func TestFlatten(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, payload string
		want          claims
	}{
		{"texts", `{"iss":"i","sub":"s","aud":"a","jti":"j","email":""}`, claims{"iss": {"i"}, "sub": {"s"}, "aud": {"a"}, "jti": {"j"}, "email": {""}}},
		{"arrays_keep_texts", `{"aud":["a","b"],"groups":["x",1,null,true,["y"],{"z":"z"},"x"]}`, claims{"aud": {"a", "b"}, "groups": {"x", "x"}}},
		{"others_are_dropped", `{"exp":1,"nbf":1.5,"email_verified":true,"x":null,"e":[],"n":[1],"o":{},"f":false}`, claims{}},
		{"56_nested", `{"sub":"system:serviceaccount:ns:name","exp":1,"iat":2,"nbf":3,"kubernetes.io":{"namespace":"ns","serviceaccount":{"name":"name","uid":"u"},"warnafter":4}}`,
			claims{"sub": {"system:serviceaccount:ns:name"}, "kubernetes.io.namespace": {"ns"}, "kubernetes.io.serviceaccount.name": {"name"}, "kubernetes.io.serviceaccount.uid": {"u"}}},
		{"names_like_URIs", `{"https://sts.amazonaws.com/":{"ou_path":["a"]},"https://x/y":"z"}`, claims{"https://sts.amazonaws.com/.ou_path": {"a"}, "https://x/y": {"z"}}},
		{"names_differ_by_case", `{"Sub":"a","sub":"b"}`, claims{"Sub": {"a"}, "sub": {"b"}}},
		{"empty_names", `{"":"a","x":{"":"b"}}`, claims{"": {"a"}, "x.": {"b"}}},
		{"escapes", `{"\u0061":"\u0062\ud83d\ude00"}`, claims{"a": {"b\U0001f600"}}},
		{"no_subject_has_no_value", `{"iss":"i"}`, claims{"iss": {"i"}}},
		{"collision_with_what_is_dropped", `{"a.b":1,"a":{"b":"x"}}`, claims{"a.b": {"x"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, typ := range []string{m2m.TypeGeneric, m2m.TypeKubeServiceAccount} {
				got, err := m2m.Flatten([]byte(tt.payload), typ)
				if err != nil || !reflect.DeepEqual(got, tt.want) {
					t.Errorf("%s: got %q, %v\nwant %q", typ, got, err, tt.want)
				}
			}
		})
	}
}

// TestFlattenRefuses: what cannot be told, and what is too much (specs X12). The errors are for strangers, and
// hold no values.
func TestFlattenRefuses(t *testing.T) {
	t.Parallel()
	deep := func(levels int) string {
		return strings.Repeat(`{"a":`, levels) + `"LEAK"` + strings.Repeat("}", levels)
	}
	many := func(n int) string {
		return `{"g":["LEAK"` + strings.Repeat(`,"x"`, n-1) + `]}`
	}
	for _, tt := range []struct {
		name, payload, want string // want "": it is accepted
	}{
		{"two_names_in_one", `{"a.b":"LEAK","a":{"b":"y"}}`, "two claims have the same name when their objects are written with dots"},
		{"two_names_in_one_array", `{"a.b":["LEAK"],"a":{"b":"y"}}`, "two claims have the same name when their objects are written with dots"},
		{"two_paths_in_one", `{"a.b":{"c":"LEAK"},"a":{"b.c":"y"}}`, "two claims have the same name when their objects are written with dots"},
		{"J15_member_twice", `{"sub":"LEAK","sub":"b"}`, "duplicate member"},
		{"array", `["LEAK"]`, "the claims are not a JSON object"},
		{"null", `null`, "the claims are not a JSON object"},
		{"nothing", ``, "invalid JSON at offset 0"},
		{"no_JSON", `LEAK`, "invalid JSON at offset 0"},
		{"two_documents", `{} {"a":"LEAK"}`, "invalid JSON: text after the value at offset 3"},
		{"X12_as_deep_as_allowed", deep(10), ""},
		{"X12_too_deep", deep(11), "nested too deeply"},
		{"X12_far_too_deep", strings.Repeat(`[`, 16<<10), "nested too deeply"},
		{"X12_as_many_as_allowed", many(1000), ""},
		{"X12_too_many", many(1001), "the claims have too many values"},
		{"X12_1_MB_claim", `{"sub":"LEAK` + strings.Repeat("a", 1<<20) + `"}`, "the claims are too large"},
		{"X12_1_MB_of_nothing", `{"n":[0` + strings.Repeat(",0", 1<<19) + `]}`, "the claims are too large"},
		{"X12_large", `{"sub":"LEAK` + strings.Repeat("a", 15<<10) + `"}`, ""},
		{"X12_names_that_multiply", `{"` + strings.Repeat("n", 8000) + `":{"a":"LEAK","b":"","c":""}}`, "the claims are too large"},
		{"X12_names_that_multiply_for_nothing", `{"` + strings.Repeat("n", 8000) + `":{"a":{},"b":{},"c":{}}}`, "the claims are too large"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := m2m.Flatten([]byte(tt.payload), m2m.TypeGeneric)
			if tt.want == "" {
				if err != nil {
					t.Errorf("got %v, want none", err)
				}
				return
			}
			if got != nil {
				t.Errorf("got %d claims beside the error", len(got))
			}
			wantError(t, err, fault.Unauthenticated, m2m.CodeUnauthenticated, "extracting claims from ID token: "+tt.want)
		})
	}
}

// githubToken is what a job's token has, in GitHub's documentation.
func githubToken(overrides map[string]any) []byte {
	token := map[string]any{
		"jti": "example-id", "sub": "repo:octo-org/octo-repo:environment:prod", "environment": "prod", "aud": "https://github.com/octo-org",
		"ref": "refs/heads/main", "sha": "example-sha", "repository": "octo-org/octo-repo", "repository_owner": "octo-org",
		"actor_id": "12", "repository_visibility": "private", "repository_id": "74", "repository_owner_id": "65", "run_id": "example-run-id",
		"run_number": "10", "run_attempt": "2", "runner_environment": "github-hosted", "actor": "octocat", "workflow": "example-workflow",
		"head_ref": "", "base_ref": "", "event_name": "workflow_dispatch", "ref_type": "branch", "ref_protected": "true", "enterprise": "octo-enterprise",
		"enterprise_id": "123", "job_workflow_ref": "octo-org/octo-automation/.github/workflows/oidc.yml@refs/heads/main",
		"iss": "https://token.actions.githubusercontent.com", "nbf": 1632492967, "exp": 1632493867, "iat": 1632493567,
	}
	for name, value := range overrides {
		if token[name] = value; value == nil {
			delete(token, name)
		}
	}
	return encoded(token)
}

func encoded(token map[string]any) []byte {
	data, err := json.Marshal(token)
	if err != nil {
		panic(err)
	}
	return data
}

func TestFlattenGitHub(t *testing.T) {
	t.Parallel()
	got, err := m2m.Flatten(githubToken(map[string]any{"aud": []string{"a", "b"}, "environment": nil, "workflow": json.RawMessage("null")}), m2m.TypeGitHubActions)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 24 {
		t.Errorf("got %d claims: %q", len(got), got)
	}
	wanted := claims{
		"sub": {"repo:octo-org/octo-repo:environment:prod"}, "aud": {"a", "b"}, "actor_id": {"12"}, "repository": {"octo-org/octo-repo"},
		"environment": {""}, "workflow": {""}, "head_ref": {""}, "job_workflow_sha": {""}, // 57: absent claims are [""]
		"iss": nil, "jti": nil, "sha": nil, "enterprise": nil, "exp": nil,
	}
	for name, want := range wanted {
		if !reflect.DeepEqual(got[name], want) {
			t.Errorf("%s: got %q, want %q", name, got[name], want)
		}
	}
	for value, kind := range map[string]string{"1": "number", "true": "bool", "[]": "array", "{}": "object"} {
		_, err := m2m.Flatten(githubToken(map[string]any{"actor_id": json.RawMessage(value)}), m2m.TypeGitHubActions)
		wantError(t, err, fault.Unauthenticated, m2m.CodeUnauthenticated, "extracting claims from ID token: extracting GitHub Actions claims: "+
			"json: cannot unmarshal "+kind+" into Go struct field githubActionClaims.actor_id of type string")
	}
	// Upstream reads names in any case: a claim that somebody may choose must not pass for another.
	got, err = m2m.Flatten(githubToken(map[string]any{"ACTOR": "admin", "Repository": "evil/repo"}), m2m.TypeGitHubActions)
	if err != nil || got["actor"][0] != "octocat" || got["repository"][0] != "octo-org/octo-repo" {
		t.Errorf("got %q, %v", got, err)
	}
}

// TestUser has how callers are named: cases 52 to 58.
func TestUser(t *testing.T) {
	t.Parallel()
	const uid = "kubernetes.io.serviceaccount.uid"
	for _, tt := range []struct {
		name, typ string
		claims    claims
		want      m2m.User
		err       string
	}{
		{"52_email", m2m.TypeGeneric, claims{"sub": {"s"}, "email": {"e"}}, m2m.User{ID: "s|e", FullName: "e", Name: "s|e"}, ""},
		{"53_preferred_username", m2m.TypeGeneric, claims{"sub": {"s"}, "preferred_username": {"p"}}, m2m.User{ID: "s|p", FullName: "p", Name: "s|p"}, ""},
		{"54_full_name", m2m.TypeGeneric, claims{"sub": {"s"}, "full_name": {"f"}}, m2m.User{ID: "s|f", FullName: "f", Name: "s|f"}, ""},
		{"55_none", m2m.TypeGeneric, claims{"sub": {"s"}}, m2m.User{ID: "s", FullName: "s", Name: "s"}, ""},
		{"first_of_all", m2m.TypeGeneric, claims{"sub": {"s"}, "email": {"e"}, "full_name": {"f"}}, m2m.User{ID: "s|e", FullName: "e", Name: "s|e"}, ""},
		{"several_are_none", m2m.TypeGeneric, claims{"sub": {"s"}, "email": {"e", "f"}, "full_name": {"f"}}, m2m.User{ID: "s|f", FullName: "f", Name: "s|f"}, ""},
		{"several_subjects", m2m.TypeGeneric, claims{"sub": {"s", "t"}}, m2m.User{ID: "s:t", FullName: "s:t", Name: "s:t"}, ""},
		{"57_github", m2m.TypeGitHubActions, claims{"actor_id": {"123456789"}, "actor": {"my-github-user"}, "sub": {"s"}, "email": {"e"}},
			m2m.User{ID: "123456789|my-github-user", FullName: "my-github-user", Name: "123456789|my-github-user"}, ""},
		{"58_kube", m2m.TypeKubeServiceAccount, claims{"sub": {"system:serviceaccount:n:a"}, uid: {"u"}, "email": {"e"}},
			m2m.User{ID: "u", FullName: "system:serviceaccount:n:a", Name: "system:serviceaccount:n:a"}, ""},
		{"kube_without_sub", m2m.TypeKubeServiceAccount, claims{uid: {"u"}}, m2m.User{}, "creating claims for Central token: no sub claim found"},
		{"kube_without_uid", m2m.TypeKubeServiceAccount, claims{"sub": {"s"}}, m2m.User{},
			"creating claims for Central token: no kubernetes.io.serviceaccount.uid claim found"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			v := generic(func(c *m2m.Config) { c.Type = tt.typ })
			if tt.typ == m2m.TypeGitHubActions {
				v.Issuer = ""
			}
			got, err := r.create(v).Value.User(tt.claims)
			if tt.err != "" {
				wantInvalid(t, err, tt.err)
			} else if err != nil || got != tt.want {
				t.Errorf("got %+v, %v\nwant %+v", got, err, tt.want)
			}
		})
	}
}

// FuzzFlatten: whatever the payload, the claims are what a plain reading of it says, and within the limits.
func FuzzFlatten(f *testing.F) {
	for _, seed := range []string{
		`{"sub":"s","aud":["a","b"],"x":{"y":{"z":["1",2]}}}`, `{"a.b":"x","a":{"b":"y"}}`, `{"a":{"b":{}},"":{"":""}}`, `{"exp":1e999}`, `[]`, `{"a":null}`,
		`{"\u0061":"\ud800"}`, string(githubToken(nil)),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		for _, typ := range m2m.Types() {
			got, err := m2m.Flatten(payload, typ)
			again, errAgain := m2m.Flatten(payload, typ)
			if !reflect.DeepEqual(got, again) || fmt.Sprint(err) != fmt.Sprint(errAgain) {
				t.Fatalf("%q: %q, %v and then %q, %v", payload, got, err, again, errAgain)
			}
			if err != nil {
				if wantKind(t, err, fault.Unauthenticated); got != nil {
					t.Fatalf("%q: got claims and %v", payload, err)
				}
				continue
			}
			var members map[string]any
			d := json.NewDecoder(bytes.NewReader(payload))
			d.UseNumber() // 1e999 is JSON
			if d.Decode(&members) != nil || members == nil {
				t.Fatalf("%q was read", payload)
			}
			size := 0
			for name, values := range got {
				size += len(name)
				for _, v := range values {
					size += len(v)
				}
				if len(values) == 0 {
					t.Fatalf("%q: %q has no value", payload, name)
				}
				if want := valuesAt(members, name); typ != m2m.TypeGitHubActions && !reflect.DeepEqual(values, want) {
					t.Fatalf("%q: %q is %q, want %q", payload, name, values, want)
				}
			}
			if typ != m2m.TypeGitHubActions && len(got) != countNamed(members) {
				t.Fatalf("%q: got %q", payload, got)
			}
			if size > 16<<10 {
				t.Fatalf("%q: %d bytes", payload, size)
			}
		}
	})
}

// countNamed counts the members, at any depth of objects, that have a text.
func countNamed(members map[string]any) int {
	n := 0
	for _, value := range members {
		switch v := value.(type) {
		case string:
			n++
		case []any:
			if slices.ContainsFunc(v, func(e any) bool { _, ok := e.(string); return ok }) {
				n++
			}
		case map[string]any:
			n += countNamed(v)
		}
	}
	return n
}

// valuesAt collects the values of all members that a dotted name may mean.
func valuesAt(members map[string]any, name string) []string {
	var out []string
	for member, value := range members {
		rest, below := strings.CutPrefix(name, member+".")
		switch v := value.(type) {
		case string:
			if member == name {
				out = append(out, v)
			}
		case []any:
			for _, e := range v {
				if s, ok := e.(string); ok && member == name {
					out = append(out, s)
				}
			}
		case map[string]any:
			if below {
				out = append(out, valuesAt(v, rest)...)
			}
		}
	}
	return out
}
