package caddymodule

import (
	"slices"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

func init() {
	httpcaddyfile.RegisterHandlerDirective("authgate", func(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
		handler := new(Handler)
		return handler, handler.UnmarshalCaddyfile(h.Dispenser)
	})
	// After rewrites, so that the path judged is the path forwarded; before everything that answers.
	httpcaddyfile.RegisterDirectiveOrder("authgate", httpcaddyfile.Before, "basic_auth")
}

// UnmarshalCaddyfile reads
//
//	authgate [<matcher>] {
//		accept bearer|mtls ...
//		issuers <name...>
//		require role|scope <name...>
//		require claim <claim> <value...>
//		identity_headers <prefix> | off
//		anonymous
//		pass_token
//		allow_encoded_paths
//		allow_obs_text
//	}
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	if d.NextArg() {
		return d.ArgErr()
	}
	return readBlock(d, "authgate",
		list("accept", &h.Accept), list("issuers", &h.Issuers),
		option{name: "require", many: true, read: func(d *caddyfile.Dispenser) error {
			r, err := parseRequire(d)
			h.Require = append(h.Require, r)
			return err
		}},
		text("identity_headers", &h.IdentityHeaders), flag("anonymous", &h.Anonymous), flag("pass_token", &h.PassToken),
		flag("allow_encoded_paths", &h.AllowEncodedPaths), flag("allow_obs_text", &h.AllowObsText),
	)
}

func parseRequire(d *caddyfile.Dispenser) (Requirement, error) {
	args := d.RemainingArgs()
	usage := d.Err("require takes role <name...>, scope <name...> or claim <claim> <value...>")
	if len(args) < 2 || slices.Contains(args, "") {
		return Requirement{}, usage
	}
	switch args[0] {
	case "role":
		return Requirement{Roles: args[1:]}, nil
	case "scope":
		return Requirement{Scopes: args[1:]}, nil
	case "claim":
		if len(args) < 3 {
			return Requirement{}, usage
		}
		return Requirement{Claim: args[1], Values: args[2:]}, nil
	}
	return Requirement{}, usage
}

// UnmarshalCaddyfile reads the options of this transport and hands all others to Caddy's own:
//
//	transport authgate {
//		service_type <name>
//		map
//		insecure_plain_http
//		<options of transport http>
//	}
func (t *Transport) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	name := d.Token()
	if d.NextArg() {
		return d.ArgErr()
	}
	var ours, rest []caddyfile.Token
	for d.NextBlock(0) {
		if v := d.Val(); v == "service_type" || v == "map" || v == "insecure_plain_http" {
			ours = append(ours, d.NextSegment()...)
		} else {
			rest = append(rest, d.NextSegment()...)
		}
	}
	own := asBlock(name, ours)
	own.Next()
	err := readBlock(own, "transport authgate",
		text("service_type", &t.ServiceType), flag("map", &t.Map), flag("insecure_plain_http", &t.InsecurePlainHTTP))
	if err != nil || len(rest) == 0 {
		return err
	}
	return t.HTTPTransport.UnmarshalCaddyfile(asBlock(name, rest))
}

// asBlock returns a dispenser of `name { body }`.
func asBlock(name caddyfile.Token, body []caddyfile.Token) *caddyfile.Dispenser {
	open, end := name, name
	open.Text, end.Text = "{", "}"
	if len(body) > 0 {
		end.File, end.Line = body[len(body)-1].File, body[len(body)-1].Line+1
	}
	return caddyfile.NewDispenser(append([]caddyfile.Token{name, open}, append(body, end)...))
}

var (
	_ caddyfile.Unmarshaler = (*Handler)(nil)
	_ caddyfile.Unmarshaler = (*Transport)(nil)
)
