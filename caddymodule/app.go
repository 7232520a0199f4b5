package caddymodule

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/authgate/authgate/authmethods"
	"github.com/authgate/authgate/authn"
	"github.com/authgate/authgate/internal/secret"
)

func init() { caddy.RegisterModule(App{}) }

// App holds what all authgate handlers of a configuration share: the store, the issuers whose tokens
// count, and the stored credentials. Without a configuration of its own it uses the embedded store.
type App struct {
	// Where state lives. Default: the embedded etcd in Caddy's data directory.
	StoreRaw json.RawMessage `json:"store,omitempty" caddy:"namespace=authgate.stores inline_key=driver"`

	// What is kept in memory, and for how long when the store is away.
	Cache *Cache `json:"cache,omitempty"`

	// Files with the keys that encrypt what is stored, one line of base64 each (`openssl rand -base64 32`).
	// The first one encrypts, all of them decrypt. Default: with the embedded store, a file
	// encryption.key made in its directory; an external store has none. Placeholders: global.
	EncryptionKeyFiles []string `json:"encryption_key_files,omitempty"`

	// The same keys themselves, instead of files. Placeholders: global, as in {env.AUTHGATE_KEY}.
	EncryptionKeys []string `json:"encryption_keys,omitempty"`

	// Without keys: stores everything unencrypted. With keys: encrypts, but also reads records that are
	// not encrypted, to move over from such a store.
	InsecurePlaintextSecrets bool `json:"insecure_plaintext_secrets,omitempty"`

	// The management key: `?key=` of the auth-method API, also accepted there as a bearer token. Without
	// it that API refuses everybody. Placeholders: global.
	AdminKey string `json:"admin_key,omitempty"`

	// How far the heap may grow before it is collected, as a size such as 64MiB, or off to leave Go's own
	// setting. With a large cache it may be up to twice that. Default: 64MiB, at most a quarter of the
	// memory limit; GOGC in the environment wins.
	GCHeadroom string `json:"gc_headroom,omitempty"`

	// The issuers whose JWTs may call proxied services directly.
	Issuers []*Issuer `json:"issuers,omitempty"`

	// The declarative twins of the auth-method API's records; read-only through the API.
	ServiceTypes    []*ServiceType              `json:"service_types,omitempty"`
	AuthMethods     []*AuthMethod               `json:"auth_methods,omitempty"`
	ServiceDefaults map[string]*ServiceDefaults `json:"service_defaults,omitempty"`

	// Which client certificates count, and how they are checked. Default: those the TLS listener verified.
	X509 *X509 `json:"x509,omitempty"`

	// Show stored credentials as REDACTED in what the management API answers.
	RedactSecrets bool `json:"redact_secrets,omitempty"`

	log      *zap.Logger
	driver   string
	backend  *backend
	leases   []*lease
	issuers  *authn.Issuers // nil without any
	issuerOf []*authn.Issuer
	service  *authmethods.Service
	adminKey secret.String
	headroom uint64 // bytes; 0 = off
	bypassed *bypassWatch

	clientCerts *authn.ClientCerts // never nil in a provisioned app

	plainHTTP   bool // some transport has insecure_plain_http; set while it is provisioned
	queryLogged bool // some access log shows ?key=; set while the routes are provisioned
}

// CaddyModule returns the Caddy module information.
func (App) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "authgate", New: func() caddy.Module { return new(App) }}
}

// Provision builds everything from the configuration and does not wait for the store or any issuer:
// whether they can be reached is asked, and reported, when requests come.
func (a *App) Provision(ctx caddy.Context) error {
	a.log = ctx.Logger()
	repl := caddy.NewReplacer()
	cache, err := a.Cache.withDefaults()
	if err != nil {
		return err
	}
	if a.headroom, err = parseHeadroom(a.GCHeadroom); err != nil {
		return err
	}
	if a.adminKey, err = resolveAdminKey(repl, a.AdminKey); err != nil {
		return err
	}
	decl, err := a.declared(repl)
	if err != nil {
		return err
	}
	secrets, err := a.encryption(repl)
	if err != nil {
		return err
	}
	certs, err := a.X509.resolve(repl)
	if err != nil {
		return err
	}
	if a.clientCerts, err = authn.NewClientCerts(certs, authn.ClientCertDeps{Logger: a.log.Named("x509"), Now: time.Now}); err != nil {
		return err
	}
	if err := a.openStore(ctx, secrets, cache); err != nil {
		return err
	}
	if err := a.openIssuers(repl); err != nil {
		return err
	}
	a.service, err = authmethods.New(a.backend.records, decl, authmethods.Deps{
		Now: time.Now, Logger: a.log.Named("authmethods"),
		Retrieve: authmethods.RetrieveConfig{AllowPrivateAddresses: certs.AllowPrivateAddresses, Roots: a.clientCerts.Roots()},
	})
	if err != nil {
		return err
	}
	a.bypassed = newBypassWatch()
	a.warnInsecure()
	return a.registerMetrics(ctx)
}

func (a *App) openStore(ctx caddy.Context, secrets encryption, cache Cache) error {
	if a.StoreRaw == nil {
		if _, err := caddy.GetModule("authgate.stores.embedded"); err != nil {
			return fmt.Errorf("this build has no embedded store; name an external one: `store etcd https://...` in the authgate block")
		}
		a.StoreRaw = json.RawMessage(`{"driver":"embedded"}`)
	}
	var head struct {
		Driver string `json:"driver"`
	}
	if err := json.Unmarshal(a.StoreRaw, &head); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	a.driver = head.Driver
	module, err := ctx.LoadModule(a, "StoreRaw")
	if err != nil {
		return fmt.Errorf("loading store: %w", err)
	}
	driver, ok := module.(StoreDriver)
	if !ok {
		return fmt.Errorf("module authgate.stores.%s is no store", a.driver)
	}
	l := &lease{pool: backends}
	a.leases = append(a.leases, l)
	v, err := l.take(backendKey(a.driver, driver.Key(), secrets, cache), func() (caddy.Destructor, error) {
		return openBackend(driver, secrets, cache, a.log.Named("store"))
	})
	if err != nil {
		return fmt.Errorf("opening store %s: %w", a.driver, err)
	}
	a.backend = v.(*backend)
	return nil
}

func (a *App) openIssuers(repl *caddy.Replacer) error {
	l := &lease{pool: issuers}
	a.leases = append(a.leases, l)
	for _, i := range a.Issuers {
		cfg, err := i.resolve(repl)
		if err != nil {
			return err
		}
		deps := authn.IssuerDeps{Logger: a.log.Named("issuer").With(zap.String("issuer", cfg.Name)), Now: time.Now}
		made, err := authn.NewIssuer(cfg, deps)
		if err != nil {
			return fmt.Errorf("issuer %s: %w", i.Name, err)
		}
		// The pool keeps the first one made for these settings: its keys, and the tokens cached for it.
		v, err := l.take(made.Fingerprint(), func() (caddy.Destructor, error) { return pooledIssuer{made}, nil })
		if err != nil {
			return err
		}
		pooled := v.(pooledIssuer).Issuer
		if pooled != made {
			pooled.Reload(made)
			made.Close()
		}
		a.issuerOf = append(a.issuerOf, pooled)
	}
	if len(a.issuerOf) == 0 {
		return nil
	}
	var err error
	if a.issuers, err = authn.NewIssuers(a.issuerOf, a.backend.tokens); err != nil {
		return err
	}
	return nil
}

// chain returns the authenticators of a route, one for each kind of credential it accepts.
func (a *App) chain(h *Handler) (authn.Authenticator, error) {
	var chain authn.Chain
	if h.accepts("bearer") {
		if a.issuers == nil {
			return nil, errors.New("no issuer is configured, so nobody could pass; add `issuer <name> { ... }` to the global authgate block, or make the route `anonymous`")
		}
		some := a.issuers
		if len(h.Issuers) > 0 {
			var err error
			if some, err = a.issuers.Only(h.Issuers); err != nil {
				return nil, err
			}
		}
		chain = append(chain, some)
	}
	if h.accepts("mtls") {
		chain = append(chain, a.service.CertAuthenticator(a.clientCerts))
	}
	return chain, nil
}

// insecure names every escape this configuration takes; they are logged at start and shown in status.
func (a *App) insecure() []string {
	out := []string{}
	if a.InsecurePlaintextSecrets {
		out = append(out, "store: insecure_plaintext_secrets")
	}
	for _, i := range a.Issuers {
		if i.InsecureAnyAudience {
			out = append(out, "issuer "+i.Name+": insecure_any_audience")
		}
	}
	if a.X509.skipsChecks() {
		out = append(out, "x509: verify_certificate off")
	}
	if a.plainHTTP {
		out = append(out, "transport authgate: insecure_plain_http")
	}
	return out
}

// sharedIssuers are hosts whose issuers give anybody a token for any audience.
var sharedIssuers = []string{"token.actions.githubusercontent.com", "gitlab.com", "accounts.google.com", "agent.buildkite.com", "app.terraform.io"}

// warnShared warns of a route that takes tokens of such an issuer and asks for nothing else: everybody
// with an account there may pass. names are the route's issuers; none means all.
func (a *App) warnShared(names []string) {
	for _, i := range a.issuerOf {
		u, err := url.Parse(i.URL())
		if err == nil && slices.Contains(sharedIssuers, u.Hostname()) && (len(names) == 0 || slices.Contains(names, i.Name())) {
			a.log.Warn("a route lets everybody pass who has an account at this issuer; add `require claim ...`", zap.String("issuer", i.Name()))
		}
	}
}

func (a *App) warnInsecure() {
	for _, what := range a.insecure() {
		a.log.Warn("insecure option in use", zap.String("option", what))
	}
	if a.adminKey.Empty() {
		a.log.Info("no admin_key is set: the auth-method API refuses everybody")
	}
}

// Start implements caddy.App. It fails if the store cannot even be started, as when another process uses
// its directory; a store that cannot be reached yet is no failure.
func (a *App) Start() error {
	if err := a.backend.start(); err != nil {
		return err
	}
	gc.use(a, a.headroom)
	return nil
}

// Stop implements caddy.App. It does nothing: requests of this configuration may still be running, and
// the next one already uses the same store.
func (a *App) Stop() error { return nil }

// Cleanup gives back what Provision acquired, also after a Provision that failed half-way. Requests of this
// configuration may still be running: what is closed here stays usable, and only fetches nothing any more.
func (a *App) Cleanup() error {
	gc.drop(a)
	if a.service != nil {
		a.service.Close()
	}
	if a.clientCerts != nil {
		a.clientCerts.Close()
	}
	var errs []error
	for _, l := range slices.Backward(a.leases) {
		errs = append(errs, l.release())
	}
	a.leases = nil
	return errors.Join(errs...)
}

// sampleKeys are values that documents and other gateways use as examples (specs A2).
var sampleKeys = []string{"changeme", "change-me", "password", "adminkey", "admin-key", "admin_key", "secretkey", "secret-key",
	"examplekey", "12345678", "edd1c9f034335f136f87ad84b625c8f1"}

func resolveAdminKey(repl *caddy.Replacer, text string) (secret.String, error) {
	r := resolver{repl: repl}
	key := r.text("admin_key", text)
	switch {
	case r.err != nil:
		return secret.String{}, r.err
	case key == "":
		return secret.String{}, nil
	case len(key) < 8 || slices.Contains(sampleKeys, strings.ToLower(key)):
		return secret.String{}, errors.New("admin_key is too weak: under 8 characters, or a sample value; make one with `openssl rand -hex 24`")
	}
	return secret.New(key), nil
}

var (
	_ caddy.App          = (*App)(nil)
	_ caddy.Provisioner  = (*App)(nil)
	_ caddy.CleanerUpper = (*App)(nil)
)
