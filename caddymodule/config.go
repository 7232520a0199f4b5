package caddymodule

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/authgate/authgate/authmethods"
	"github.com/authgate/authgate/authn"
	"github.com/authgate/authgate/internal/secret"
)

// Cache bounds what is kept in memory.
type Cache struct {
	// How many records of each collection, and how many verified tokens, are kept. Default: 100000.
	Entries int `json:"entries,omitempty"`

	// How long data may be served after the connection to the store was lost; then requests that need
	// it get 503. Default: 30s.
	MaxStale caddy.Duration `json:"max_stale,omitempty"`
}

func (c *Cache) withDefaults() (Cache, error) {
	out := Cache{Entries: 100_000, MaxStale: caddy.Duration(30 * time.Second)}
	if c == nil {
		return out, nil
	}
	if c.Entries < 0 || c.MaxStale < 0 {
		return out, errors.New("cache: entries and max_stale must not be negative")
	}
	if c.Entries != 0 {
		out.Entries = c.Entries
	}
	if c.MaxStale != 0 {
		out.MaxStale = c.MaxStale
	}
	return out, nil
}

// Issuer is an OpenID Connect issuer whose JWTs may call proxied services directly. Strings may hold
// global placeholders ({env.*}, {file.*}).
type Issuer struct {
	// The name routes use in their `issuers` line.
	Name string `json:"name"`

	// The issuer exactly as it stands in the tokens' `iss`.
	URL string `json:"url"`

	// The audiences this gateway answers to; a token needs one of them. Required, unless
	// insecure_any_audience.
	Audiences []string `json:"audiences,omitempty"`

	// Accepts tokens made for anybody. Named insecure because a token for another service then passes here.
	InsecureAnyAudience bool `json:"insecure_any_audience,omitempty"`

	// The accepted signature algorithms. Default: RS256.
	Algorithms []string `json:"algorithms,omitempty"`

	// Where the keys are, if discovery is not to be used or names another host.
	JWKSURL string `json:"jwks_url,omitempty"`

	// A file with the keys, instead of any request to the issuer.
	JWKSFile string `json:"jwks_file,omitempty"`

	// A PEM file with the certificate authorities of the issuer's own TLS certificate. Default: the system's.
	CAFile string `json:"ca_file,omitempty"`

	// How long a key is trusted after it was last seen in the issuer's key set. Default: 24h.
	MaxKeyAge caddy.Duration `json:"max_key_age,omitempty"`

	// After a fetch made for an unknown key id, how long until the next one. Default: 30s.
	KeyCooldown caddy.Duration `json:"key_cooldown,omitempty"`

	// Lets the issuer be on a private or loopback address (and there on plain HTTP).
	AllowPrivateAddresses bool `json:"allow_private_addresses,omitempty"`

	// The claim whose values become the principal's roles. Default: roles.
	RolesClaim string `json:"roles_claim,omitempty"`

	// Which class of token is accepted: "access" (typ at+jwt only), "id" (no at+jwt), or both by default.
	TokenUse string `json:"token_use,omitempty"`

	// The `azp` values accepted in tokens with several audiences, beside the audiences themselves.
	AuthorizedParties []string `json:"authorized_parties,omitempty"`
}

func (i *Issuer) resolve(repl *caddy.Replacer) (authn.IssuerConfig, error) {
	r := resolver{repl: repl}
	cfg := authn.IssuerConfig{
		Name:                  i.Name,
		URL:                   r.text("url", i.URL),
		Audiences:             r.texts("audience", i.Audiences),
		InsecureAnyAudience:   i.InsecureAnyAudience,
		Algorithms:            i.Algorithms,
		JWKSURL:               r.text("jwks_url", i.JWKSURL),
		JWKSFile:              r.text("jwks_file", i.JWKSFile),
		CAFile:                r.text("ca", i.CAFile),
		MaxKeyAge:             time.Duration(i.MaxKeyAge),
		KeyCooldown:           time.Duration(i.KeyCooldown),
		AllowPrivateAddresses: i.AllowPrivateAddresses,
		RolesClaim:            i.RolesClaim,
		TokenUse:              i.TokenUse,
		AuthorizedParties:     r.texts("authorized_party", i.AuthorizedParties),
	}
	if r.err == nil {
		r.err = cfg.Validate()
	}
	if r.err != nil {
		return cfg, fmt.Errorf("issuer %s: %w", i.Name, r.err)
	}
	return cfg, nil
}

// X509 says which client certificates are taken, by routes with `accept mtls` and by the :authx509 route of
// the management API.
type X509 struct {
	// False leaves out the checks of time, host and revocation. Which authority vouches for a certificate
	// is checked always. Default: true.
	VerifyCertificate *bool `json:"verify_certificate,omitempty"`

	// A PEM file with the only authorities whose certificates count. Default: whatever the TLS listener's
	// client_auth has verified. Placeholders: global.
	CAFile string `json:"ca_file,omitempty"`

	// Wants a name of the certificate to be one that the caller's address resolves to.
	VerifyClientHost bool `json:"verify_client_host,omitempty"`

	// Lets revocation lists, and the services that tokens are retrieved from, be on private and loopback
	// addresses.
	AllowPrivateAddresses bool `json:"allow_private_addresses,omitempty"`
}

func (x *X509) skipsChecks() bool {
	return x != nil && x.VerifyCertificate != nil && !*x.VerifyCertificate
}

func (x *X509) resolve(repl *caddy.Replacer) (authn.ClientCertConfig, error) {
	if x == nil {
		return authn.ClientCertConfig{}, nil
	}
	r := resolver{repl: repl}
	cfg := authn.ClientCertConfig{
		CAFile: r.text("ca", x.CAFile), SkipChecks: x.skipsChecks(), VerifyHost: x.VerifyClientHost,
		AllowPrivateAddresses: x.AllowPrivateAddresses,
	}
	if r.err != nil {
		return cfg, fmt.Errorf("x509: %w", r.err)
	}
	return cfg, nil
}

// ServiceType is the declarative twin of POST /v1/service-types.
type ServiceType struct {
	Name       string   `json:"name"`
	Type       string   `json:"type"`
	AuthMethod string   `json:"auth_method"`
	AuthTypes  []string `json:"auth_types,omitempty"`
	Hosts      []string `json:"hosts,omitempty"`
}

// AuthMethod is the declarative twin of POST /v1/service-types/{name}/authm. Secrets may, and should,
// be placeholders: {env.*} or {file.*}.
type AuthMethod struct {
	ServiceType    string            `json:"service_type"`
	Host           string            `json:"host"`
	Port           int               `json:"port"`
	AccessKey      string            `json:"access_key,omitempty"`
	Headers        map[string]string `json:"headers,omitempty"`
	Path           string            `json:"path,omitempty"`
	RetrievalField string            `json:"retrieval_field,omitempty"`
}

// ServiceDefaults holds what all auth methods of a service type's type share.
type ServiceDefaults struct {
	Path           string `json:"path,omitempty"`
	RetrievalField string `json:"retrieval_field,omitempty"`

	// Where an access key goes: "header <name>" or "query <name>". Default: header x-api-key.
	Placement string `json:"placement,omitempty"`
}

func (a *App) declared(repl *caddy.Replacer) (authmethods.Declared, error) {
	d := authmethods.Declared{Defaults: map[string]authmethods.Defaults{}}
	for _, t := range a.ServiceTypes {
		r := resolver{repl: repl}
		d.ServiceTypes = append(d.ServiceTypes, authmethods.ServiceType{
			Name: t.Name, Type: t.Type, AuthMethod: t.AuthMethod, AuthTypes: t.AuthTypes, Hosts: r.texts("hosts", t.Hosts),
		})
		if r.err != nil {
			return d, fmt.Errorf("service_type %s: %w", t.Name, r.err)
		}
	}
	for _, m := range a.AuthMethods {
		r := resolver{repl: repl}
		out := authmethods.DeclaredMethod{
			ServiceType: m.ServiceType,
			Method: authmethods.Method{
				Host: r.text("host", m.Host), Port: m.Port, Path: m.Path, RetrievalField: m.RetrievalField,
				AccessKey: secret.New(r.text("access_key", m.AccessKey)),
			},
		}
		if len(m.Headers) > 0 {
			out.Method.Headers = make(map[string]secret.String, len(m.Headers))
			for name, value := range m.Headers {
				out.Method.Headers[name] = secret.New(r.text("header "+name, value))
			}
		}
		if r.err != nil {
			return d, fmt.Errorf("auth_method %s %s: %w", m.ServiceType, m.Host, r.err)
		}
		for _, t := range d.ServiceTypes {
			if t.Name == m.ServiceType && !slices.Contains(t.Hosts, out.Method.Host) {
				return d, fmt.Errorf("auth_method %s %s: its host is not among the hosts of service_type %s; add it there, spelled the same",
					m.ServiceType, net.JoinHostPort(out.Method.Host, strconv.Itoa(m.Port)), t.Name)
			}
		}
		d.Methods = append(d.Methods, out)
	}
	for typ, def := range a.ServiceDefaults {
		d.Defaults[typ] = authmethods.Defaults{Path: def.Path, RetrievalField: def.RetrievalField, Placement: def.Placement}
	}
	return d, nil
}

// resolver replaces global placeholders and keeps the first failure. An unset variable or an empty
// secret file is an error: it must not become an open door or an empty credential.
type resolver struct {
	repl *caddy.Replacer
	err  error
}

func (r *resolver) text(field, s string) string {
	if r.err != nil || !strings.Contains(s, "{") {
		return s
	}
	// The path templates of service types use double braces, which are theirs and not Caddy's.
	out, err := r.repl.ReplaceOrErr(s, true, true)
	if err != nil {
		r.err = fmt.Errorf("%s: %w (is the variable set, the file readable and not empty?)", field, err)
	}
	return out
}

func (r *resolver) texts(field string, in []string) []string {
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = r.text(field, s)
	}
	return out
}
