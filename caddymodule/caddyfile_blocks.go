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
	seen := once{d: d}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		err := seen.check()
		if err != nil {
			return err
		}
		switch d.Val() {
		case "url":
			err = textArg(d, &i.URL)
		case "audience":
			err = listArg(d, &i.Audiences)
		case "insecure_any_audience":
			err = flagArg(d, &i.InsecureAnyAudience)
		case "algorithms":
			err = listArg(d, &i.Algorithms)
		case "jwks_url":
			err = textArg(d, &i.JWKSURL)
		case "jwks_file":
			err = textArg(d, &i.JWKSFile)
		case "ca":
			err = textArg(d, &i.CAFile)
		case "max_key_age":
			err = durationArg(d, &i.MaxKeyAge)
		case "key_cooldown":
			err = durationArg(d, &i.KeyCooldown)
		case "allow_private_addresses":
			err = flagArg(d, &i.AllowPrivateAddresses)
		case "roles_claim":
			err = textArg(d, &i.RolesClaim)
		case "token_use":
			err = textArg(d, &i.TokenUse)
		case "authorized_party":
			err = listArg(d, &i.AuthorizedParties)
		default:
			err = unknownOption(d, "issuer", "url", "audience", "insecure_any_audience", "algorithms", "jwks_url", "jwks_file", "ca",
				"max_key_age", "key_cooldown", "allow_private_addresses", "roles_claim", "token_use", "authorized_party")
		}
		if err != nil {
			return err
		}
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
	seen := once{d: d}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		err := seen.check()
		if err != nil {
			return err
		}
		switch d.Val() {
		case "type":
			err = textArg(d, &t.Type)
		case "auth_method":
			err = textArg(d, &t.AuthMethod)
		case "auth_types":
			err = listArg(d, &t.AuthTypes)
		case "hosts":
			err = listArg(d, &t.Hosts)
		default:
			err = unknownOption(d, "service_type", "type", "auth_method", "auth_types", "hosts")
		}
		if err != nil {
			return err
		}
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
	seen := once{d: d}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if d.Val() == "header" {
			var name, value string
			if !d.AllArgs(&name, &value) || name == "" || value == "" {
				return d.Err("header takes <name> <value> (is the environment variable set?)")
			}
			if m.Headers == nil {
				m.Headers = map[string]string{}
			}
			for other := range m.Headers {
				if strings.EqualFold(other, name) {
					return d.Errf("header %s stands twice in this block", name)
				}
			}
			m.Headers[name] = value
			continue
		}
		err := seen.check()
		if err != nil {
			return err
		}
		switch d.Val() {
		case "access_key":
			err = textArg(d, &m.AccessKey)
		case "path":
			err = textArg(d, &m.Path)
		case "retrieval_field":
			err = textArg(d, &m.RetrievalField)
		default:
			err = unknownOption(d, "auth_method", "access_key", "header", "path", "retrieval_field")
		}
		if err != nil {
			return err
		}
	}
	a.AuthMethods = append(a.AuthMethods, m)
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
	seen := once{d: d}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		err := seen.check()
		if err != nil {
			return err
		}
		switch d.Val() {
		case "path":
			err = textArg(d, &s.Path)
		case "retrieval_field":
			err = textArg(d, &s.RetrievalField)
		case "placement":
			var where, name string
			if !d.AllArgs(&where, &name) || name == "" || where != "header" && where != "query" {
				return d.Err("placement takes header <name> or query <name>")
			}
			s.Placement = where + " " + name
		default:
			err = unknownOption(d, "service_defaults", "path", "retrieval_field", "placement")
		}
		if err != nil {
			return err
		}
	}
	if a.ServiceDefaults == nil {
		a.ServiceDefaults = map[string]*ServiceDefaults{}
	}
	a.ServiceDefaults[typ] = s
	return nil
}
