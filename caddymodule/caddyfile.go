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
//		encryption_key_file <file...> | encryption_key <key...>
//		insecure_plaintext_secrets
//		admin_key <key>
//		gc_headroom <size> | off
//		issuer <name> { ... }
//		service_type <name> { ... }
//		auth_method <service type> <host:port> { ... }
//		service_defaults <type> { ... }
//		x509 { ... }
//		redact_secrets
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
	err := readBlock(d, "authgate",
		option{name: "store", read: a.parseStore},
		option{name: "cache", read: a.parseCache},
		list("encryption_key_file", &a.EncryptionKeyFiles),
		list("encryption_key", &a.EncryptionKeys),
		flag("insecure_plaintext_secrets", &a.InsecurePlaintextSecrets),
		text("admin_key", &a.AdminKey),
		text("gc_headroom", &a.GCHeadroom),
		option{name: "issuer", many: true, read: a.parseIssuer},
		option{name: "service_type", many: true, read: a.parseServiceType},
		option{name: "auth_method", many: true, read: a.parseAuthMethod},
		option{name: "service_defaults", many: true, read: a.parseServiceDefaults},
		option{name: "x509", read: a.parseX509},
		flag("redact_secrets", &a.RedactSecrets),
	)
	if err != nil {
		return nil, err
	}
	return httpcaddyfile.App{Name: "authgate", Value: caddyconfig.JSON(a, nil)}, nil
}

func (a *App) parseStore(d *caddyfile.Dispenser) error {
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
	return nil
}

func (a *App) parseCache(d *caddyfile.Dispenser) error {
	a.Cache = new(Cache)
	if d.NextArg() {
		return d.ArgErr()
	}
	return readBlock(d, "cache",
		option{name: "entries", read: func(d *caddyfile.Dispenser) (err error) {
			a.Cache.Entries, err = countArg(d)
			return err
		}},
		duration("max_stale", &a.Cache.MaxStale),
	)
}

func storeNames() []string {
	var names []string
	for _, m := range caddy.GetModules("authgate.stores") {
		names = append(names, m.ID.Name())
	}
	return names
}

// option is one line of a block: its name, and what reads its arguments. Unless many, it may stand once.
type option struct {
	name string
	many bool
	read func(*caddyfile.Dispenser) error
}

func text(name string, out *string) option {
	return option{name: name, read: func(d *caddyfile.Dispenser) error { return textArg(d, out) }}
}

func list(name string, out *[]string) option {
	return option{name: name, read: func(d *caddyfile.Dispenser) error { return listArg(d, out) }}
}

func flag(name string, out *bool) option {
	return option{name: name, read: func(d *caddyfile.Dispenser) error { return flagArg(d, out) }}
}

func duration(name string, out *caddy.Duration) option {
	return option{name: name, read: func(d *caddyfile.Dispenser) error { return durationArg(d, out) }}
}

// readBlock reads the block at d, if there is one. It refuses an unknown option, and one that stands twice:
// the reader of the file and authgate could disagree about which one counts.
func readBlock(d *caddyfile.Dispenser, block string, options ...option) error {
	seen := map[string]bool{}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		name := d.Val()
		i := slices.IndexFunc(options, func(o option) bool { return o.name == name })
		if i < 0 {
			var known []string
			for _, o := range options {
				known = append(known, o.name)
			}
			return unknownOption(d, block, known...)
		}
		if seen[name] && !options[i].many {
			return d.Errf("%s stands twice in this block", name)
		}
		seen[name] = true
		if err := options[i].read(d); err != nil {
			return err
		}
	}
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

func onOffArg(d *caddyfile.Dispenser, out *bool) error {
	name := d.Val()
	var text string
	if err := textArg(d, &text); err != nil {
		return err
	}
	if text != "on" && text != "off" {
		return d.Errf("%s takes on or off, but has %q", name, text)
	}
	*out = text == "on"
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
