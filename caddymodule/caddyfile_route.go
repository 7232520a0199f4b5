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
//		accept bearer
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
	seen := once{d: d}
	for d.NextBlock(0) {
		var err error
		if d.Val() != "require" {
			err = seen.check()
		}
		if err == nil {
			err = h.parseOption(d)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (h *Handler) parseOption(d *caddyfile.Dispenser) error {
	switch d.Val() {
	case "accept":
		return listArg(d, &h.Accept)
	case "issuers":
		return listArg(d, &h.Issuers)
	case "require":
		r, err := parseRequire(d)
		if err != nil {
			return err
		}
		h.Require = append(h.Require, r)
	case "identity_headers":
		return textArg(d, &h.IdentityHeaders)
	case "anonymous":
		return flagArg(d, &h.Anonymous)
	case "pass_token":
		return flagArg(d, &h.PassToken)
	case "allow_encoded_paths":
		return flagArg(d, &h.AllowEncodedPaths)
	case "allow_obs_text":
		return flagArg(d, &h.AllowObsText)
	default:
		return unknownOption(d, "authgate", "accept", "issuers", "require", "identity_headers", "anonymous", "pass_token",
			"allow_encoded_paths", "allow_obs_text")
	}
	return nil
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
//		insecure_plain_http
//		<options of transport http>
//	}
func (t *Transport) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	name := d.Token()
	if d.NextArg() {
		return d.ArgErr()
	}
	seen := once{d: d}
	var rest []caddyfile.Token
	for d.NextBlock(0) {
		switch d.Val() {
		case "service_type", "insecure_plain_http":
			err := seen.check()
			switch {
			case err != nil:
			case d.Val() == "service_type":
				err = textArg(d, &t.ServiceType)
			default:
				err = flagArg(d, &t.InsecurePlainHTTP)
			}
			if err != nil {
				return err
			}
		default:
			rest = append(rest, d.NextSegment()...)
		}
	}
	if len(rest) == 0 {
		return nil
	}
	open, end := name, rest[len(rest)-1]
	open.Text = "{"
	end.Line++
	end.Text = "}"
	tokens := append([]caddyfile.Token{name, open}, append(rest, end)...)
	return t.HTTPTransport.UnmarshalCaddyfile(caddyfile.NewDispenser(tokens))
}

var (
	_ caddyfile.Unmarshaler = (*Handler)(nil)
	_ caddyfile.Unmarshaler = (*Transport)(nil)
)
