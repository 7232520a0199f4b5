package caddymodule

import (
	"net"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// parseIssuer reads
//
//	issuer <name> {
//		url <issuer>
//		audience <audience...> | insecure_any_audience
//		algorithms <alg...>
//		jwks_url <url> | jwks_file <file>
//		ca <file>
//		max_key_age <duration>
//		key_cooldown <duration>
//		allow_private_addresses
//		roles_claim <claim>
//		token_use access|id
//		authorized_party <client...>
//	}
func (a *App) parseIssuer(d *caddyfile.Dispenser) error {
	i := new(Issuer)
	if !d.AllArgs(&i.Name) {
		return d.Err("issuer takes one name, by which routes refer to it")
	}
	for _, other := range a.Issuers {
		if other.Name == i.Name {
			return d.Errf("issuer %s stands twice", i.Name)
		}
	}
	err := readBlock(d, "issuer",
		text("url", &i.URL), list("audience", &i.Audiences), flag("insecure_any_audience", &i.InsecureAnyAudience),
		list("algorithms", &i.Algorithms), text("jwks_url", &i.JWKSURL), text("jwks_file", &i.JWKSFile), text("ca", &i.CAFile),
		duration("max_key_age", &i.MaxKeyAge), duration("key_cooldown", &i.KeyCooldown),
		flag("allow_private_addresses", &i.AllowPrivateAddresses), text("roles_claim", &i.RolesClaim),
		text("token_use", &i.TokenUse), list("authorized_party", &i.AuthorizedParties),
	)
	if err != nil {
		return err
	}
	if i.URL == "" {
		return d.Errf("issuer %s: url is missing; it is the `iss` of the tokens, as in `url https://token.actions.githubusercontent.com`", i.Name)
	}
	if len(i.Audiences) == 0 && !i.InsecureAnyAudience {
		return d.Errf("issuer %s: audience is missing; without it tokens made for other services would pass here", i.Name)
	}
	a.Issuers = append(a.Issuers, i)
	return nil
}

// parseServiceType reads
//
//	service_type <name> {
//		type        ams|web-api|custom
//		auth_method api-key|headers
//		auth_types  x509|oidc ...
//		hosts       <host...>
//	}
func (a *App) parseServiceType(d *caddyfile.Dispenser) error {
	t := new(ServiceType)
	if !d.AllArgs(&t.Name) {
		return d.Err("service_type takes one name")
	}
	err := readBlock(d, "service_type",
		text("type", &t.Type), text("auth_method", &t.AuthMethod), list("auth_types", &t.AuthTypes), list("hosts", &t.Hosts),
	)
	if err != nil {
		return err
	}
	a.ServiceTypes = append(a.ServiceTypes, t)
	return nil
}

// parseAuthMethod reads
//
//	auth_method <service type> <host:port> {
//		access_key <key>            # of a service type with auth_method api-key
//		header <name> <value>       # any number, of one with auth_method headers
//		path <template>
//		retrieval_field <field>
//	}
func (a *App) parseAuthMethod(d *caddyfile.Dispenser) error {
	m := new(AuthMethod)
	var address string
	if !d.AllArgs(&m.ServiceType, &address) {
		return d.Err("auth_method takes <service type> <host:port>")
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil || host == "" {
		return d.Errf("auth_method %s: %q is not host:port, as in api.internal:9000", m.ServiceType, address)
	}
	m.Host = host
	if m.Port, err = strconv.Atoi(port); err != nil || m.Port < 1 || m.Port > 65535 {
		return d.Errf("auth_method %s: port %q is not a number from 1 to 65535", m.ServiceType, port)
	}
	err = readBlock(d, "auth_method",
		text("access_key", &m.AccessKey), option{name: "header", many: true, read: m.parseHeader},
		text("path", &m.Path), text("retrieval_field", &m.RetrievalField),
	)
	if err != nil {
		return err
	}
	a.AuthMethods = append(a.AuthMethods, m)
	return nil
}

func (m *AuthMethod) parseHeader(d *caddyfile.Dispenser) error {
	var name, value string
	if !d.AllArgs(&name, &value) || name == "" || value == "" {
		return d.Err("header takes <name> <value> (is the environment variable set?)")
	}
	for other := range m.Headers {
		if strings.EqualFold(other, name) {
			return d.Errf("header %s stands twice in this block", name)
		}
	}
	if m.Headers == nil {
		m.Headers = map[string]string{}
	}
	m.Headers[name] = value
	return nil
}

// parseServiceDefaults reads
//
//	service_defaults <type> {
//		path <template>
//		retrieval_field <field>
//		placement header|query <name>
//	}
func (a *App) parseServiceDefaults(d *caddyfile.Dispenser) error {
	var typ string
	if !d.AllArgs(&typ) {
		return d.Err("service_defaults takes one type: ams, web-api or custom")
	}
	if _, ok := a.ServiceDefaults[typ]; ok {
		return d.Errf("service_defaults %s stands twice", typ)
	}
	s := new(ServiceDefaults)
	err := readBlock(d, "service_defaults",
		text("path", &s.Path), text("retrieval_field", &s.RetrievalField),
		option{name: "placement", read: func(d *caddyfile.Dispenser) error {
			var where, name string
			if !d.AllArgs(&where, &name) || name == "" || where != "header" && where != "query" {
				return d.Err("placement takes header <name> or query <name>")
			}
			s.Placement = where + " " + name
			return nil
		}},
	)
	if err != nil {
		return err
	}
	if a.ServiceDefaults == nil {
		a.ServiceDefaults = map[string]*ServiceDefaults{}
	}
	a.ServiceDefaults[typ] = s
	return nil
}

// parseX509 reads
//
//	x509 {
//		verify_certificate on|off
//		ca <file>
//		verify_client_host on|off
//		allow_private_addresses
//	}
func (a *App) parseX509(d *caddyfile.Dispenser) error {
	if d.NextArg() {
		return d.ArgErr()
	}
	x := new(X509)
	a.X509 = x
	return readBlock(d, "x509",
		option{name: "verify_certificate", read: func(d *caddyfile.Dispenser) error {
			x.VerifyCertificate = new(bool)
			return onOffArg(d, x.VerifyCertificate)
		}},
		text("ca", &x.CAFile),
		option{name: "verify_client_host", read: func(d *caddyfile.Dispenser) error { return onOffArg(d, &x.VerifyClientHost) }},
		flag("allow_private_addresses", &x.AllowPrivateAddresses),
	)
}
