package m2m_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/m2m"
	"github.com/authgate/authgate/roles"
)

const tenant = "72f988bf-86f1-41af-91ab-2d7cd011db47"

// serviceAccount is a projected token as Kubernetes documents it.
const serviceAccount = `"aud":["https://gate.example"],"exp":1731613413,"iat":1700077413,"nbf":1700077413,"jti":"ea28ed49-2e11-4280-9ec5-bc3d1d84661a",
	"kubernetes.io":{"namespace":"my-namespace","node":{"name":"my-node","uid":"646e7c5e"},"pod":{"name":"my-pod","uid":"5e0bd49b"},
	"serviceaccount":{"name":"my-serviceaccount","uid":"14ee3fa4"},"warnafter":1700081020},"sub":"system:serviceaccount:my-namespace:my-serviceaccount"`

// documented has tokens of the shape each service documents, by the name of the preset.
func documented() map[string]struct {
	payload string
	claims  claims // some of those to be mapped
	user    string
} {
	return map[string]struct {
		payload string
		claims  claims
		user    string
	}{
		"github": {string(githubToken(map[string]any{"iss": "https://token.actions.githubusercontent.com/octo-enterprise", "check_run_id": "7"})),
			claims{"repository_id": {"74"}, "enterprise": {"octo-enterprise"}, "ref_protected": {"true"}, "check_run_id": {"7"}}, "12|octocat"},
		"gitlab": {`{"namespace_id":"72","namespace_path":"my-group","project_id":"20","project_path":"my-group/my-project","user_id":"1","user_login":"sample-user",
			"user_email":"sample-user@example.com","user_identities":[{"provider":"github","extern_uid":"2435223452345"}],"pipeline_id":"574","pipeline_source":"push",
			"job_id":"302","ref":"feature-branch-1","ref_type":"branch","ref_path":"refs/heads/feature-branch-1","ref_protected":"false",
			"groups_direct":["mygroup/mysubgroup","myothergroup"],"environment":"test-environment2","environment_protected":"false","deployment_tier":"testing",
			"environment_action":"start","runner_id":1,"runner_environment":"self-hosted","sha":"714a629c0b401fdce83e847fc9589983fc6f46bc","project_visibility":"public",
			"ci_config_ref_uri":"gitlab.example.com/my-group/my-project//.gitlab-ci.yml@refs/heads/main","ci_config_sha":"714a629c","jti":"235b3a54","iss":"https://gitlab.example.com",
			"iat":1681395193,"nbf":1681395188,"exp":1681398793,"sub":"project_path:my-group/my-project:ref_type:branch:ref:feature-branch-1","aud":"https://gate.example"}`,
			claims{"project_id": {"20"}, "groups_direct": {"mygroup/mysubgroup", "myothergroup"}, "runner_id": nil, "user_identities": nil},
			"project_path:my-group/my-project:ref_type:branch:ref:feature-branch-1"},
		"google": {`{"iss":"https://accounts.google.com","aud":"https://gate.example","azp":"113475438248934895348","sub":"113475438248934895348","email":"ci@acme.iam.gserviceaccount.com",
			"email_verified":true,"iat":1496953245,"exp":1496956845,"google":{"compute_engine":{"project_id":"my-project","project_number":739419398126,"zone":"us-west1-a",
			"instance_id":"152986662232938449","instance_name":"example","instance_creation_timestamp":1496952205,"license_id":["1000204"]}}}`,
			claims{"sub": {"113475438248934895348"}, "google.compute_engine.project_id": {"my-project"}, "email": {"ci@acme.iam.gserviceaccount.com"}, "google.compute_engine.license_id": {"1000204"}},
			"113475438248934895348|ci@acme.iam.gserviceaccount.com"},
		"aws": {`{"iss":"https://abc123-def456-ghi789-jkl012.tokens.sts.global.api.aws","aud":"https://gate.example","sub":"arn:aws:iam::123456789012:role/DataProcessingRole","iat":1700000000,
			"exp":1700000900,"jti":"xyz123","https://sts.amazonaws.com/":{"aws_account":"123456789012","source_region":"us-east-1","org_id":"o-abc1234567",
			"ou_path":["o-a1b2c3d4e5/r-ab12/ou-ab12-11111111/"],"principal_tags":{"environment":"production","cost-center":"engineering"},
			"lambda_source_function_arn":"arn:aws:lambda:us-east-1:123456789012:function:process-data","request_tags":{"job-id":"job-2024-001"}}}`,
			claims{"https://sts.amazonaws.com/.aws_account": {"123456789012"}, "https://sts.amazonaws.com/.principal_tags.environment": {"production"}},
			"arn:aws:iam::123456789012:role/DataProcessingRole"},
		"azure": {`{"aud":"6e74172b-be56-4843-9ff4-e66a39bb12e3","iss":"https://login.microsoftonline.com/` + tenant + `/v2.0","iat":1537231048,"nbf":1537231048,"exp":1537234948,
			"aio":"AXQAi/8IAAAA","azp":"6e74172b-be56-4843-9ff4-e66a39bb12e3","azpacr":"0","name":"Abe Lincoln","oid":"690222be-ff1a-4d56-abd1-7e4f7d38e474",
			"preferred_username":"abeli@microsoft.com","rh":"I","roles":["Reader"],"scp":"access_as_user","sub":"HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ","tid":"` + tenant + `","uti":"fqiBqXLPj0eQa82S-IYFAA","ver":"2.0"}`,
			claims{"oid": {"690222be-ff1a-4d56-abd1-7e4f7d38e474"}, "roles": {"Reader"}, "aio": nil, "rh": nil}, "HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ|abeli@microsoft.com"},
		"azure-v1": {`{"aud":"https://management.azure.com/","iss":"https://sts.windows.net/` + tenant + `/","iat":1537233106,"nbf":1537233106,"exp":1537237006,"aio":"x","appid":"fc4979e5","appidacr":"2",
			"idp":"https://sts.windows.net/` + tenant + `/","idtyp":"app","oid":"4bce0d22","sub":"4bce0d22","tid":"` + tenant + `","uti":"x","ver":"1.0",
			"xms_mirid":"/subscriptions/s/resourcegroups/g/providers/Microsoft.Compute/virtualMachines/vm"}`,
			claims{"oid": {"4bce0d22"}, "xms_mirid": {"/subscriptions/s/resourcegroups/g/providers/Microsoft.Compute/virtualMachines/vm"}}, "4bce0d22"},
		"kubernetes": {`{"iss":"https://kubernetes.default.svc.cluster.local",` + serviceAccount + `}`, claims{
			"sub": {"system:serviceaccount:my-namespace:my-serviceaccount"}, "kubernetes.io.namespace": {"my-namespace"}, "kubernetes.io.pod.name": {"my-pod"}, "kubernetes.io.warnafter": nil,
		}, "14ee3fa4"},
		"eks": {`{"iss":"https://oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B716D30412",` + serviceAccount + `}`, claims{"kubernetes.io.serviceaccount.name": {"my-serviceaccount"}}, "14ee3fa4"},
		"gke": {`{"iss":"https://container.googleapis.com/v1/projects/my-project/locations/europe-west1/clusters/my-cluster",` + serviceAccount + `}`, claims{"kubernetes.io.node.name": {"my-node"}}, "14ee3fa4"},
		"aks": {`{"iss":"https://westeurope.oic.prod-aks.azure.com/` + tenant + `/690222be-ff1a-4d56-abd1-7e4f7d38e474/",` + serviceAccount + `}`, claims{"kubernetes.io.serviceaccount.uid": {"14ee3fa4"}}, "14ee3fa4"},
		"buildkite": {`{"iss":"https://agent.buildkite.com","sub":"organization:acme-inc:pipeline:super-duper-app:ref:refs/heads/main:commit:9f3182061f1e2cca4702c368cbc039b7dc9d4485:step:build",
			"aud":"https://buildkite.com/acme-inc","iat":1669014898,"nbf":1669014898,"exp":1669015198,"organization_slug":"acme-inc","pipeline_slug":"super-duper-app","build_number":1,
			"build_branch":"main","build_tag":"v1.0.0","build_commit":"9f3182061f1e2cca4702c368cbc039b7dc9d4485","step_key":"build","job_id":"0184990a-477b-4fa8-9968-496074483cee",
			"agent_id":"0184990a-4782-42b5-afc1-16715b10b8ff","build_source":"ui","runner_environment":"buildkite-hosted","agent_tag:queue":"default"}`,
			claims{"pipeline_slug": {"super-duper-app"}, "build_number": nil, "agent_tag:queue": {"default"}},
			"organization:acme-inc:pipeline:super-duper-app:ref:refs/heads/main:commit:9f3182061f1e2cca4702c368cbc039b7dc9d4485:step:build"},
		"circleci": {`{"aud":"` + tenant + `","exp":1700000900,"iat":1700000000,"iss":"https://oidc.circleci.com/org/` + tenant + `","oidc.circleci.com/context-ids":["c1","c2"],
			"oidc.circleci.com/project-id":"p1","oidc.circleci.com/vcs-origin":"github.com/acme/app","oidc.circleci.com/vcs-ref":"refs/heads/main","oidc.circleci.com/ssh-rerun":false,
			"sub":"org/` + tenant + `/project/p1/user/u1/vcs-origin/github.com/acme/app/vcs-ref/refs/heads/main"}`,
			claims{"oidc.circleci.com/project-id": {"p1"}, "oidc.circleci.com/context-ids": {"c1", "c2"}, "oidc.circleci.com/ssh-rerun": nil},
			"org/" + tenant + "/project/p1/user/u1/vcs-origin/github.com/acme/app/vcs-ref/refs/heads/main"},
		"terraform": {`{"jti":"1192426d","iss":"https://app.terraform.io","aud":"https://gate.example","iat":1650663164,"nbf":1650663159,"exp":1650663764,
			"sub":"organization:my-org:project:Default Project:workspace:my-workspace:run_phase:apply","terraform_organization_id":"org-GRNbCjYNpBB6NEBH","terraform_organization_name":"my-org",
			"terraform_project_id":"prj-vegSA59s1XPwMr2t","terraform_project_name":"Default Project","terraform_workspace_id":"ws-mbsd5E3Ktt5Rg2Xm","terraform_workspace_name":"my-workspace",
			"terraform_full_workspace":"organization:my-org:project:Default Project:workspace:my-workspace","terraform_run_id":"run-X3n1AUXNGWbfECsJ","terraform_run_phase":"apply"}`,
			claims{"terraform_workspace_id": {"ws-mbsd5E3Ktt5Rg2Xm"}, "terraform_run_phase": {"apply"}},
			"organization:my-org:project:Default Project:workspace:my-workspace:run_phase:apply"},
		"spiffe": {`{"aud":["spiffe://example.org/gate"],"exp":1700000900,"iat":1700000000,"iss":"https://oidc-discovery.example.org","sub":"spiffe://example.org/ns/prod/sa/app"}`,
			claims{"sub": {"spiffe://example.org/ns/prod/sa/app"}}, "spiffe://example.org/ns/prod/sa/app"},
	}
}

// TestPresets reads, for each preset, a token of the documented shape, and refuses what is none.
func TestPresets(t *testing.T) {
	t.Parallel()
	tokens := documented()
	if len(m2m.Presets()) != len(tokens) {
		t.Errorf("%d presets and %d tokens", len(m2m.Presets()), len(tokens))
	}
	for _, p := range m2m.Presets() {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			token := tokens[p.Name]
			var members map[string]any
			if err := json.Unmarshal([]byte(token.payload), &members); err != nil {
				t.Fatal(err)
			}
			with := func(name string, value any) []byte {
				changed := maps.Clone(members)
				if changed[name] = value; value == nil {
					delete(changed, name)
				}
				return encoded(changed)
			}
			r := newRig(t)
			v := generic(func(c *m2m.Config) {
				c.Preset, c.Issuer = p.Name, members["iss"].(string)
				c.Mappings = []m2m.Mapping{{Key: p.Key, ValueExpression: ".", Role: roles.Analyst, MatchType: m2m.MatchSearch}}
			})
			c := r.create(v).Value
			got, err := c.Claims(with("injected", "x"))
			if err != nil {
				t.Fatal(err)
			}
			for name, want := range token.claims {
				if !slices.Equal(got[name], want) {
					t.Errorf("%s: got %q, want %q", name, got[name], want)
				}
			}
			if got["injected"] != nil {
				t.Error("X10: a claim that is not the preset's is there")
			}
			if given := c.Match(got); len(given) != 1 {
				t.Errorf("key %q: got roles %q", p.Key, given)
			}
			if user, err := c.User(got); err != nil || user.ID != token.user {
				t.Errorf("got user %+v, %v; want %q", user, err, token.user)
			}
			for _, warning := range m2m.Warnings(c) {
				if strings.Contains(warning, "no such claim") {
					t.Error(warning)
				}
			}
			for _, name := range p.Required {
				member, _, _ := strings.Cut(name, ".namespace")
				member, _, _ = strings.Cut(member, ".serviceaccount")
				if rest, below := strings.CutSuffix(member, ".aws_account"); below {
					member = rest
				}
				for _, value := range []any{nil, "", 5} {
					_, err := c.Claims(with(member, value))
					wantKind(t, err, fault.Unauthenticated)
					if !strings.HasPrefix(err.Error(), "ID token is not one of preset "+p.Name+": it has no claim ") {
						t.Errorf("%s: got %v", name, err)
					}
				}
			}
			if p.SubjectPrefix != "" {
				_, err := c.Claims(with("sub", "x"+p.SubjectPrefix))
				wantKind(t, err, fault.Unauthenticated)
			}
			if p.Title == "" || p.Audience == "" || p.Key == "" || len(p.Issuers) == 0 {
				t.Errorf("incomplete: %+v", p)
			}
			if p.Issuer != "" {
				v.Issuer = ""
				item, err := r.svc.Put(r.ctx, unknown, v, unasked, nil)
				if p.Issuer == c.Issuer {
					wantKind(t, err, fault.Exists)
				} else if err != nil || item.Value.Issuer != p.Issuer {
					t.Errorf("got issuer %q, %v", item.Value.Issuer, err)
				}
			} else {
				v.Issuer = ""
				_, err := r.svc.Put(r.ctx, unknown, v, unasked, nil)
				wantKind(t, err, fault.Invalid)
			}
		})
	}
}

// TestPresetIssuers: whose issuers are whose.
func TestPresetIssuers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for preset, issuers := range map[string]struct{ good, bad []string }{
		"github": {
			[]string{
				"https://token.actions.githubusercontent.com", "https://token.actions.githubusercontent.com/octo-enterprise", "https://token.actions.acme.ghe.com",
				"https://ghes.example/_services/token", "https://ghes.example:8443/_services/token",
			},
			[]string{
				"https://token.actions.githubusercontent.com/", "https://token.actions.githubusercontent.com/a/b", "https://token.actions.githubusercontent.com/..",
				"https://token.actions.githubusercontent.com.evil.example", "https://token-actions.githubusercontent.com", "https://token.actions.a.b.ghe.com",
				"https://evil.example/x/_services/token", "https://evil.example",
			},
		},
		"gitlab":     {[]string{"https://gitlab.com", "https://gitlab.example/sub"}, nil},
		"google":     {[]string{"https://accounts.google.com"}, []string{"https://accounts.google.com/", "https://accountsXgoogle.com"}},
		"aws":        {[]string{"https://" + tenant + ".tokens.sts.global.api.aws"}, []string{"https://a.b.tokens.sts.global.api.aws", "https://evil.example/.tokens.sts.global.api.aws"}},
		"azure":      {[]string{"https://login.microsoftonline.com/" + tenant + "/v2.0"}, []string{"https://login.microsoftonline.com/common/v2.0", "https://sts.windows.net/" + tenant + "/"}},
		"azure-v1":   {[]string{"https://sts.windows.net/" + tenant + "/"}, []string{"https://sts.windows.net/" + tenant, "https://login.microsoftonline.com/" + tenant + "/v2.0"}},
		"kubernetes": {[]string{"https://kubernetes.default.svc", "https://api.example:6443/a/b"}, nil},
		"eks": {
			[]string{"https://oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B716D30412", "https://oidc.eks.cn-north-1.amazonaws.com.cn/id/EXAMPLED539D4633E53DE1B716D30412"},
			[]string{"https://oidc.eks.eu-west-1.evil.example.amazonaws.com/id/EXAMPLED539D4633E53DE1B716D30412", "https://oidc.eks.eu-west-1.amazonaws.com/id/"},
		},
		"gke":       {[]string{"https://container.googleapis.com/v1/projects/p/locations/europe-west1/clusters/c"}, []string{"https://container.googleapis.com/v1/projects/p"}},
		"aks":       {[]string{"https://westeurope.oic.prod-aks.azure.com/" + tenant + "/" + tenant + "/"}, []string{"https://westeurope.oic.prod-aks.azure.com/" + tenant + "/"}},
		"circleci":  {[]string{"https://oidc.circleci.com/org/" + tenant}, []string{"https://oidc.circleci.com/org/acme"}},
		"terraform": {[]string{"https://app.terraform.io", "https://tfe.example"}, []string{"https://app.terraform.io/app"}},
		"buildkite": {[]string{"https://agent.buildkite.com"}, []string{"https://agent.buildkite.com/x"}},
		"spiffe":    {[]string{"https://oidc-discovery.example.org"}, nil},
	} {
		for good, list := range map[bool][]string{true: issuers.good, false: issuers.bad} {
			for _, iss := range list {
				_, err := r.svc.Put(r.ctx, unknown, generic(of(iss), func(c *m2m.Config) { c.Preset = preset }), unasked, nil)
				if good && err != nil {
					t.Errorf("%s: %v", preset, err)
				} else if !good && !fault.Is(err, fault.Invalid) {
					t.Errorf("%s takes %s: %v", preset, iss, err)
				}
			}
		}
	}
}
