package m2m

// cloudPresets are the platforms that give workloads an identity.
func cloudPresets() []Preset {
	entra := []string{
		"acct", "appid", "appidacr", "azp", "azpacr", "email", "groups", "idp", "idtyp", "name", "oid", "preferred_username", "roles", "scp",
		"tid", "unique_name", "upn", "uti", "ver", "wids", "xms_az_rid", "xms_mirid",
	}
	const entraAudience = "the application that the token is asked for: its id, or api://<id>"
	list := []Preset{
		{
			Name: "google", Title: "Google accounts, service accounts and instances", Type: TypeGeneric, Issuer: "https://accounts.google.com",
			Issuers: []string{"https://accounts.google.com"},
			Claims:  standard("azp", "email", "hd", "google.compute_engine.*"), Required: []string{"sub", "azp"}, Key: "sub",
			Audience: "audience of the metadata server's identity endpoint, or gcloud auth print-identity-token --audiences=<audience>",
		},
		{
			Name: "aws", Title: "AWS outbound identity federation", Type: TypeGeneric, Issuers: []string{"https://<label>.tokens.sts.global.api.aws"},
			Claims: standard("https://sts.amazonaws.com/.*"), Required: []string{"sub", "https://sts.amazonaws.com/.aws_account"},
			SubjectPrefix: "arn:", Key: "sub", Audience: "aws sts get-web-identity-token --audience <audience>",
		},
		{
			Name: "azure", Title: "Microsoft Entra ID, v2.0 tokens", Type: TypeGeneric,
			Issuers: []string{
				"https://login.microsoftonline.com/<tenant>/v2.0", "https://login.microsoftonline.us/<tenant>/v2.0",
				"https://login.partner.microsoftonline.cn/<tenant>/v2.0",
			},
			Claims: standard(entra...), Required: []string{"sub", "oid", "tid"}, Key: "oid", Audience: entraAudience,
		},
		{
			Name: "azure-v1", Title: "Microsoft Entra ID, v1.0 tokens (as of managed identities)", Type: TypeGeneric,
			Issuers: []string{"https://sts.windows.net/<tenant>/", "https://sts.chinacloudapi.cn/<tenant>/"},
			Claims:  standard(entra...), Required: []string{"sub", "oid", "tid"}, Key: "oid", Audience: entraAudience,
		},
		{
			Name: "spiffe", Title: "SPIFFE JWT-SVIDs", Type: TypeGeneric, Issuers: []string{"https://<host><path>"},
			Claims: standard(), Required: []string{"sub", "aud"}, SubjectPrefix: "spiffe://", Key: "sub",
			Audience: "audience of FetchJWTSVID, or spire-agent api fetch jwt -audience <audience>",
		},
	}
	for name, cluster := range map[string]struct {
		title   string
		issuers []string
	}{
		"kubernetes": {"Kubernetes service accounts", []string{"https://<host><path>"}},
		"eks": {"Amazon EKS service accounts", []string{
			"https://oidc.eks.<label>.amazonaws.com/id/<cluster>", "https://oidc.eks.<label>.amazonaws.com.cn/id/<cluster>",
			"https://oidc-eks.<label>.api.aws/id/<cluster>",
		}},
		"gke": {"Google GKE service accounts", []string{"https://container.googleapis.com/v1/projects/<name>/locations/<label>/clusters/<label>"}},
		"aks": {"Azure AKS service accounts", []string{"https://<label>.oic.prod-aks.azure.com/<tenant>/<uuid>/"}},
	} {
		list = append(list, Preset{
			Name: name, Title: cluster.title, Type: TypeKubeServiceAccount, Issuers: cluster.issuers, Claims: standard("kubernetes.io.*"),
			Required:      []string{"sub", "kubernetes.io.namespace", "kubernetes.io.serviceaccount.name", "kubernetes.io.serviceaccount.uid"},
			SubjectPrefix: "system:serviceaccount:", Key: "sub",
			Audience: "audience of the pod's projected serviceAccountToken, or kubectl create token <account> --audience <audience>",
		})
	}
	return list
}
