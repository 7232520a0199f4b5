package authn

import (
	"crypto/x509"
	"errors"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"go.uber.org/zap"

	"github.com/authgate/authgate/internal/fault"
)

// IssuerDeps are what an Issuer needs from its surroundings. Zero fields mean: no log, the system clock.
// The Logger should name the issuer in a field.
type IssuerDeps struct {
	Logger *zap.Logger
	Now    func() time.Time
}

func (d IssuerDeps) withDefaults() IssuerDeps {
	if d.Logger == nil {
		d.Logger = zap.NewNop()
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	return d
}

// Issuer is one issuer of JWTs with its keys. It is safe for concurrent use. It makes no connection
// before the first token of it arrives, and keeps verifying with the keys at hand after Close.
type Issuer struct {
	cfg         IssuerConfig // with defaults
	algs        algorithms
	fingerprint string
	now         func() time.Time
	keys        *keySet
	validator   *jwt.Validator
}

// NewIssuer makes an Issuer from cfg. It reads CAFile and JWKSFile, whose mistakes are fault.Invalid
// like those Validate finds, and makes no connection. The caller must Close the Issuer.
func NewIssuer(cfg IssuerConfig, deps IssuerDeps) (*Issuer, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return newIssuer(cfg.withDefaults(), deps)
}

// newIssuer trusts cfg.
func newIssuer(cfg IssuerConfig, deps IssuerDeps) (*Issuer, error) {
	deps = deps.withDefaults()
	invalid := func(field, format string, args ...any) error {
		return fault.New(fault.Invalid, "issuer "+cfg.Name, field, format, args...)
	}
	var (
		ca    []byte
		roots *x509.CertPool
		err   error
	)
	if cfg.CAFile != "" {
		roots = x509.NewCertPool()
		if ca, err = appendRoots(roots, cfg.CAFile); err != nil {
			return nil, invalid("ca", "%w", err)
		}
	}
	i := &Issuer{
		cfg: cfg, algs: algorithmSet(cfg.Algorithms), fingerprint: cfg.fingerprint(ca), now: deps.Now,
		validator: newValidator(cfg, deps.Now),
	}
	if cfg.JWKSFile != "" {
		source := fileSource{cfg.JWKSFile}
		data, err := source.read()
		if err != nil {
			return nil, invalid("jwks_file", "%w", err)
		}
		keys, err := parseJWKS(data, i.algs)
		if err != nil {
			return nil, invalid("jwks_file", "%w", err)
		}
		i.keys = newKeySet(source, i.keyRules(), deps)
		i.keys.adopt(keys)
		return i, nil
	}
	first := cfg.URL
	if cfg.JWKSURL != "" {
		first = cfg.JWKSURL
	}
	guard, err := guardFor(first, cfg.AllowPrivateAddresses)
	if err != nil {
		return nil, invalid("url", "is not a URL")
	}
	i.keys = newKeySet(&remoteSource{
		client: newFetchClient(guard, roots, maxJWKSBytes, errRedirect), issuer: cfg.URL, jwksURL: cfg.JWKSURL,
		maxAge: cfg.MaxKeyAge, now: deps.Now, place: sameOrigin,
	}, i.keyRules(), deps)
	return i, nil
}

func (i *Issuer) keyRules() keyRules {
	return keyRules{allowed: i.algs, maxAge: i.cfg.MaxKeyAge, cooldown: i.cfg.KeyCooldown}
}

// appendRoots adds the certificates of a PEM file to roots, and returns the file's content.
func appendRoots(roots *x509.CertPool, name string) ([]byte, error) {
	ca, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	if !roots.AppendCertsFromPEM(ca) {
		return nil, errors.New("no PEM certificate in the file; give one with the issuer's root")
	}
	return ca, nil
}

// newValidator is golang-jwt's judgement of the registered claims with every check that is optional
// there turned on (specs E10).
func newValidator(cfg IssuerConfig, now func() time.Time) *jwt.Validator {
	options := []jwt.ParserOption{
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithIssuer(cfg.URL),
		jwt.WithLeeway(cfg.Leeway), jwt.WithTimeFunc(now),
	}
	if !cfg.InsecureAnyAudience {
		options = append(options, jwt.WithAudience(cfg.Audiences...))
	}
	return jwt.NewValidator(options...)
}

// Name returns the configured name.
func (i *Issuer) Name() string { return i.cfg.Name }

// URL returns the configured issuer URL.
func (i *Issuer) URL() string { return i.cfg.URL }

// Fingerprint is a hash of the configuration, CAFile's content included: two issuers of one fingerprint
// behave alike, so that a reload can go on using the old one with its keys and cached tokens.
func (i *Issuer) Fingerprint() string { return i.fingerprint }

// Reload takes over the keys that fresh, just made from the same configuration, has read from the JWKS
// file: a key taken out of the file must be gone after a reload, also for tokens cached under it (specs K1).
// Keys that are fetched follow their own schedule, and Reload leaves them alone.
func (i *Issuer) Reload(fresh *Issuer) {
	if i.cfg.JWKSFile == "" {
		return
	}
	var keys []parsedKey
	for kid, k := range *fresh.keys.keys.Load() {
		keys = append(keys, parsedKey{kid: kid, public: k.public, algs: k.algs})
	}
	i.keys.adopt(keys)
}

// Close stops a fetch under way and waits for it. It may be called more than once.
func (i *Issuer) Close() { i.keys.close() }

// The values of IssuerStatus.State.
const (
	IssuerIdle        = "idle"        // no token of it has come yet, so nothing was fetched
	IssuerReady       = "ready"       // keys at hand, the last fetch succeeded
	IssuerDegraded    = "degraded"    // keys at hand, the last fetch failed
	IssuerUnavailable = "unavailable" // no usable key
)

// IssuerStatus is a snapshot for status pages and metrics. It holds nothing secret.
type IssuerStatus struct {
	Name, URL, State string
	Keys             []KeyStatus // sorted by KeyID
	LastFetch        time.Time   // the last successful one, zero before it
	LastError        string      // empty if the last fetch succeeded
	Fetches, Failed  uint64      // since the issuer was made
}

// KeyStatus describes one usable key.
type KeyStatus struct {
	KeyID      string
	Algorithms []string
	GoodUntil  time.Time // unless a fetch confirms it before
}

// Status returns a snapshot of the issuer's keys and fetches.
func (i *Issuer) Status() IssuerStatus { return i.keys.status(i.cfg.Name, i.cfg.URL) }

func (s *keySet) status(name, url string) IssuerStatus {
	report, keys := s.snapshot()
	st := IssuerStatus{
		Name: name, URL: url, State: IssuerReady, Keys: keys, LastFetch: report.lastSuccess,
		LastError: shortText(report.lastErr), Fetches: report.fetches, Failed: report.failed,
	}
	slices.SortFunc(st.Keys, func(a, b KeyStatus) int { return strings.Compare(a.KeyID, b.KeyID) })
	switch {
	case len(keys) == 0 && report.fetches == 0:
		st.State = IssuerIdle
	case len(keys) == 0:
		st.State = IssuerUnavailable
	case report.lastErr != nil:
		st.State = IssuerDegraded
	}
	return st
}
