package m2m

// standard are the claims that any ID token may have and mappings may read.
func standard(more ...string) []string { return append([]string{"iss", "sub", "aud", "jti"}, more...) }

// ciPresets are the services that run pipelines.
func ciPresets() []Preset {
	return []Preset{
		{
			Name: "github", Title: "GitHub Actions, also with an enterprise's own issuer, GHE.com and GitHub Enterprise Server",
			Type: TypeGitHubActions, Issuer: GitHubIssuer,
			Issuers: []string{
				GitHubIssuer, GitHubIssuer + "/<name>", "https://token.actions.<label>.ghe.com", "https://<host>/_services/token",
			},
			Claims: standard(append(githubClaims[:],
				"check_run_id", "enterprise", "enterprise_id", "environment_node_id", "issuer_scope", "ref_protected", "repo_property_*")...),
			Required: []string{"sub", "repository", "repository_owner", "actor"}, Key: "repository_id",
			Audience: "the owner's URL unless the job asks for another: core.getIDToken(\"<audience>\"), or &audience=<audience> at ACTIONS_ID_TOKEN_REQUEST_URL",
		},
		{
			Name: "gitlab", Title: "GitLab CI/CD", Type: TypeGeneric, Issuer: "https://gitlab.com", Issuers: []string{"https://<host><path>"},
			Claims: standard("ci_config_ref_uri", "ci_config_sha", "deployment_action", "deployment_tier", "environment", "environment_action",
				"environment_protected", "groups_direct", "job_id", "job_namespace_id", "job_namespace_path", "job_policy_ref_sha", "job_policy_ref_uri",
				"job_project_id", "job_project_path", "job_source", "namespace_id", "namespace_path", "pipeline_id", "pipeline_source", "project_id",
				"project_path", "project_visibility", "ref", "ref_path", "ref_protected", "ref_type", "runner_environment", "sha",
				"user_access_level", "user_email", "user_id", "user_login"),
			Required: []string{"sub", "project_id", "project_path", "namespace_id", "namespace_path"}, Key: "project_id",
			Audience: "aud of the job's id_tokens",
		},
		{
			Name: "buildkite", Title: "Buildkite Pipelines", Type: TypeGeneric, Issuer: "https://agent.buildkite.com",
			Issuers: []string{"https://agent.buildkite.com"},
			Claims: standard("agent_id", "agent_tag:*", "build_branch", "build_commit", "build_id", "build_source", "build_tag", "cluster_id", "cluster_name",
				"job_id", "organization_id", "organization_slug", "pipeline_id", "pipeline_slug", "queue_id", "queue_key", "runner_environment", "step_key"),
			Required: []string{"sub", "organization_slug", "pipeline_slug"}, SubjectPrefix: "organization:", Key: "sub",
			Audience: "https://buildkite.com/<organization> unless the job asks for another: buildkite-agent oidc request-token --audience <audience>",
		},
		{
			Name: "circleci", Title: "CircleCI", Type: TypeGeneric, Issuers: []string{"https://oidc.circleci.com/org/<uuid>", "https://<host>/org/<uuid>"},
			Claims:   standard("oidc.circleci.com/*"),
			Required: []string{"sub", "oidc.circleci.com/project-id"}, SubjectPrefix: "org/", Key: "oidc.circleci.com/project-id",
			Audience: "the organization's id unless the job asks for another: circleci run oidc get --claims '{\"aud\": \"<audience>\"}'",
		},
		{
			Name: "terraform", Title: "HCP Terraform and Terraform Enterprise", Type: TypeGeneric, Issuer: "https://app.terraform.io",
			Issuers: []string{"https://app.terraform.io", "https://app.eu.terraform.io", "https://<host>"},
			Claims: standard("terraform_full_workspace", "terraform_organization_id", "terraform_organization_name", "terraform_project_id",
				"terraform_project_name", "terraform_run_id", "terraform_run_phase", "terraform_workspace_id", "terraform_workspace_name"),
			Required: []string{"sub", "terraform_organization_id", "terraform_workspace_id", "terraform_run_phase"}, SubjectPrefix: "organization:",
			Key: "terraform_workspace_id", Audience: "the workspace's variable TFC_WORKLOAD_IDENTITY_AUDIENCE",
		},
	}
}
