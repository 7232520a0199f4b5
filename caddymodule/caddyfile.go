package caddymodule

import (
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
)

func init() { httpcaddyfile.RegisterGlobalOption("authgate", parseApp) }

// parseApp reads the global block; interface.md shows it whole.
//
//	authgate {
//		store embedded [<dir>] | store etcd <endpoint...> { ... }
//		cache { entries <n>; max_stale <duration> }
//		admin_key <key>
//		gc_headroom <size> | off
//		issuer <name> { ... }
//		service_type <name> { ... }
//		auth_method <service type> <host:port> { ... }
//		service_defaults <type> { ... }
//	}
func parseApp(d *caddyfile.Dispenser, existing any) (any, error) {
	a := new(App)
	d.Next()
	if existing != nil {
		return nil, d.Err("the authgate block stands twice; put all of it into one")
	}
	if d.NextArg() {
		return nil, d.ArgErr()
	}
	seen := once{d: d}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		var err error
		switch d.Val() {
		case "issuer":
			err = a.parseIssuer(d)
		case "service_type":
			err = a.parseServiceType(d)
		case "auth_method":
			err = a.parseAuthMethod(d)
		case "service_defaults":
			err = a.parseServiceDefaults(d)
		default:
			if err = seen.check(); err == nil {
				err = a.parseOption(d)
			}
		}
		if err != nil {
			return nil, err
		}
	}
	return httpcaddyfile.App{Name: "authgate", Value: caddyconfig.JSON(a, nil)}, nil
}

func (a *App) parseOption(d *caddyfile.Dispenser) error {
	switch d.Val() {
	case "store":
		if !d.NextArg() {
			return d.Err("store takes embedded or etcd")
		}
		name := d.Val()
		if _, err := caddy.GetModule("authgate.stores." + name); err != nil {
			return d.Errf("this build has no store %q; it has: %s", name, strings.Join(storeNames(), ", "))
		}
		module, err := caddyfile.UnmarshalModule(d, "authgate.stores."+name)
		if err != nil {
			return err
		}
		a.StoreRaw = caddyconfig.JSONModuleObject(module, "driver", name, nil)
	case "cache":
		return a.parseCache(d)
	case "admin_key":
		return textArg(d, &a.AdminKey)
	case "gc_headroom":
		return textArg(d, &a.GCHeadroom)
	default:
		return unknownOption(d, "authgate", "store", "cache", "admin_key", "gc_headroom", "issuer", "service_type", "auth_method", "service_defaults")
	}
	return nil
}

func (a *App) parseCache(d *caddyfile.Dispenser) error {
	a.Cache = new(Cache)
	if d.NextArg() {
		return d.ArgErr()
	}
	seen := once{d: d}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if err := seen.check(); err != nil {
			return err
		}
		switch d.Val() {
		case "entries":
			n, err := countArg(d)
			if err != nil {
				return err
			}
			a.Cache.Entries = n
		case "max_stale":
			if err := durationArg(d, &a.Cache.MaxStale); err != nil {
				return err
			}
		default:
			return unknownOption(d, "cache", "entries", "max_stale")
		}
	}
	return nil
}

func storeNames() []string {
	var names []string
	for _, m := range caddy.GetModules("authgate.stores") {
		names = append(names, m.ID.Name())
	}
	return names
}

// once refuses an option that stands twice in a block: the reader of the file and authgate could
// disagree about which one counts.
type once struct {
	d    *caddyfile.Dispenser
	seen map[string]bool
}

func (o *once) check() error {
	if o.seen[o.d.Val()] {
		return o.d.Errf("%s stands twice in this block", o.d.Val())
	}
	if o.seen == nil {
		o.seen = map[string]bool{}
	}
	o.seen[o.d.Val()] = true
	return nil
}

func unknownOption(d *caddyfile.Dispenser, block string, known ...string) error {
	return d.Errf("unknown option %q in %s; it takes: %s", d.Val(), block, strings.Join(known, ", "))
}

func flagArg(d *caddyfile.Dispenser, flag *bool) error {
	name := d.Val()
	if d.NextArg() {
		return d.Errf("%s takes no value, but has %q", name, d.Val())
	}
	*flag = true
	return nil
}

func durationArg(d *caddyfile.Dispenser, out *caddy.Duration) error {
	name := d.Val()
	var text string
	if err := textArg(d, &text); err != nil {
		return err
	}
	v, err := caddy.ParseDuration(text)
	if err != nil || v <= 0 {
		return d.Errf("%s: %q is no positive duration such as 30s or 24h", name, text)
	}
	*out = caddy.Duration(v)
	return nil
}

func countArg(d *caddyfile.Dispenser) (int, error) {
	name := d.Val()
	var text string
	if err := textArg(d, &text); err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(text)
	if err != nil || n <= 0 {
		return 0, d.Errf("%s: %q is no positive whole number", name, text)
	}
	return n, nil
}

// textArg reads exactly one argument that is not empty: an environment variable that is not set leaves
// nothing behind, or an empty text between quotes.
func textArg(d *caddyfile.Dispenser, out *string) error {
	name := d.Val()
	switch args := d.RemainingArgs(); {
	case len(args) == 0 || args[0] == "":
		return d.Errf("%s is empty; it takes one value (is the environment variable set?)", name)
	case len(args) > 1:
		return d.Errf("%s takes one value, but has %d", name, len(args))
	default:
		*out = args[0]
		return nil
	}
}

// listArg reads at least one argument, none of them empty.
func listArg(d *caddyfile.Dispenser, out *[]string) error {
	name := d.Val()
	args := d.RemainingArgs()
	if len(args) == 0 || slices.Contains(args, "") {
		return d.Errf("%s is empty, or one of its values is; it takes one or more (is the environment variable set?)", name)
	}
	*out = append(*out, args...)
	return nil
}
