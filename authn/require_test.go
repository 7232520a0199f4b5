package authn_test

import (
	"testing"

	"github.com/authgate/authgate/authn"
)

func TestRequirement(t *testing.T) {
	t.Parallel()
	p := &authn.Principal{
		Roles: []string{"Deployer", "Reader"}, Scopes: []string{"user:info"},
		Attrs: authn.NewAttrs(map[string][]string{"repository": {"acme/app"}, "groups": {"a", "b"}, "empty": {""}}),
	}
	for _, tt := range []struct {
		name  string
		r     authn.Requirement
		valid bool
		met   bool
	}{
		{"role", authn.Requirement{Roles: []string{"Deployer"}}, true, true},
		{"any_of_the_roles", authn.Requirement{Roles: []string{"Admin", "Reader"}}, true, true},
		{"other_role", authn.Requirement{Roles: []string{"Admin"}}, true, false},
		{"role_other_case", authn.Requirement{Roles: []string{"deployer"}}, true, false},
		{"scope", authn.Requirement{Scopes: []string{"user:info"}}, true, true},
		{"part_of_a_scope", authn.Requirement{Scopes: []string{"user"}}, true, false},
		{"claim", authn.Requirement{Claim: "repository", Values: []string{"acme/app"}}, true, true},
		{"claim_any_value", authn.Requirement{Claim: "groups", Values: []string{"x", "b"}}, true, true},
		{"claim_prefix", authn.Requirement{Claim: "repository", Values: []string{"acme"}}, true, false},
		{"claim_absent", authn.Requirement{Claim: "nothing", Values: []string{"x"}}, true, false},
		{"zero", authn.Requirement{}, false, false},
		{"claim_without_values", authn.Requirement{Claim: "repository"}, false, false},
		{"values_without_claim", authn.Requirement{Values: []string{"x"}}, false, false},
		{"empty_role", authn.Requirement{Roles: []string{""}}, false, false},
		{"empty_value", authn.Requirement{Claim: "empty", Values: []string{""}}, false, false},
		{"two_kinds", authn.Requirement{Roles: []string{"Deployer"}, Scopes: []string{"user:info"}}, false, false},
		{"claim_and_roles", authn.Requirement{Claim: "repository", Roles: []string{"Deployer"}}, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := tt.r.Met(p); got != tt.met {
				t.Errorf("Met: got %t, want %t", got, tt.met)
			}
			if tt.r.Met(nil) {
				t.Error("met by nobody")
			}
			all, err := authn.NewRequirements(tt.r)
			if (err == nil) != tt.valid {
				t.Fatalf("NewRequirements: got %v, want valid %t", err, tt.valid)
			}
			if err == nil && all.Met(p) != tt.met {
				t.Errorf("Requirements.Met: got %t, want %t", all.Met(p), tt.met)
			}
		})
	}
}

func TestRequirementsAllMustHold(t *testing.T) {
	t.Parallel()
	role, scope := authn.Requirement{Roles: []string{"Deployer"}}, authn.Requirement{Scopes: []string{"user:info"}}
	all, err := authn.NewRequirements(role, scope)
	if err != nil {
		t.Fatal(err)
	}
	none, err := authn.NewRequirements()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		rs   authn.Requirements
		p    *authn.Principal
		met  bool
	}{
		{"both", all, &authn.Principal{Roles: role.Roles, Scopes: scope.Scopes}, true},
		{"role_only", all, &authn.Principal{Roles: role.Roles}, false},
		{"scope_only", all, &authn.Principal{Scopes: scope.Scopes}, false},
		{"nobody", all, nil, false},
		{"no_requirement", none, &authn.Principal{}, true},
		{"no_requirement_nobody", none, nil, false},
	} {
		if got := tt.rs.Met(tt.p); got != tt.met {
			t.Errorf("%s: got %t, want %t", tt.name, got, tt.met)
		}
	}
}
