package authn

import (
	"context"
	"crypto/x509"
	"errors"
	"math"
	"net/url"
	"slices"
	"time"

	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/internal/secret"
)

// FederatedConfig describes an issuer whose ID tokens are exchanged. The zero value of every optional field
// means its default. It is copied by NewFederated; a changed one needs a new Federated.
type FederatedConfig struct {
	// Issuer is the `iss` of its tokens, compared byte for byte, and the base of discovery. Required: https;
	// plain http only on a loopback host together with AllowPrivateAddresses.
	Issuer string
	// Audiences are the values of `aud` that are accepted; a token needs one of them. None means any.
	Audiences []string
	// JWKSURL replaces discovery. Any supported algorithm that fits the key is then accepted.
	JWKSURL string
	// CAFile is a PEM file of roots trusted beside the system's. It is read again for each fetch.
	CAFile string
	// AllowPrivateAddresses lets the issuer be on a private or loopback address. Link-local and
	// metadata addresses stay refused.
	AllowPrivateAddresses bool
	// DiscoveryBearer returns what is sent to an issuer that answers with status 400 or more, as a Kubernetes API
	// server does to strangers. It is called anew for each such answer. What it returns must be a JWT of this very
	// Issuer (a service account's token is one of its cluster), or it is not sent.
	DiscoveryBearer func() (secret.String, error)
}

// Federated verifies ID tokens of one issuer by upstream's clock rules: exp required and without
// leeway, nbf with five minutes, iat and sub not required. It is safe for concurrent use, and makes no
// connection before the first Probe or the first token that needs a key. Its keys follow the same rules as an
// Issuer's.
type Federated struct {
	cfg    FederatedConfig
	now    func() time.Time
	source *federatedSource
	keys   *keySet
}

// rediscoverAfter is for how long a discovery document is believed: with each scheduled refresh it is read
// again, so that a change of algorithms needs nobody's help.
const rediscoverAfter = 10 * time.Minute

// NewFederated makes a Federated from cfg. It reads CAFile; mistakes are fault.Invalid. It makes no
// connection. The caller must Close it.
func NewFederated(cfg FederatedConfig, deps IssuerDeps) (*Federated, error) {
	deps = deps.withDefaults()
	cfg.Audiences = slices.Clone(cfg.Audiences)
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	return newFederated(cfg, deps)
}

func (c FederatedConfig) invalid(field, format string, args ...any) error {
	return fault.New(fault.Invalid, "m2m issuer", field, format, args...)
}

func (c FederatedConfig) validate() error {
	if err := checkIssuerURL(c.Issuer, c.AllowPrivateAddresses); err != nil {
		return c.invalid("issuer", "%w", err)
	}
	if c.JWKSURL != "" {
		if err := checkFetchURL(c.JWKSURL, c.AllowPrivateAddresses); err != nil {
			return c.invalid("jwks_url", "%w", err)
		}
	}
	if slices.Contains(c.Audiences, "") {
		return c.invalid("audience", "empty value; name the audience of your tokens")
	}
	return nil
}

// newFederated trusts cfg, whose Audiences it keeps.
func newFederated(cfg FederatedConfig, deps IssuerDeps) (*Federated, error) {
	if _, err := cfg.roots(); err != nil {
		return nil, cfg.invalid("ca", "%w", err)
	}
	here, err := url.Parse(cfg.Issuer)
	if err != nil {
		return nil, cfg.invalid("issuer", "is not a URL")
	}
	first := cfg.Issuer
	if cfg.JWKSURL != "" {
		first = cfg.JWKSURL
	}
	guard, err := guardFor(first, cfg.AllowPrivateAddresses)
	if err != nil {
		return nil, cfg.invalid("jwks_url", "is not a URL")
	}
	source := &federatedSource{origin: here, guard: guard, roots: cfg.roots, bearer: cfg.DiscoveryBearer}
	source.remote = remoteSource{
		issuer: cfg.Issuer, jwksURL: cfg.JWKSURL, maxAge: rediscoverAfter, now: deps.Now, place: source.place,
	}
	source.accepted.Store(&acceptedAlgorithms{set: allAlgorithms, names: algorithmNames()})
	return &Federated{cfg: cfg, now: deps.Now, source: source, keys: newKeySet(source, keyRules{
		allowed: allAlgorithms, maxAge: DefaultMaxKeyAge, cooldown: DefaultKeyCooldown,
	}, deps)}, nil
}

// roots returns the system's roots and those of CAFile, or nil, which means the system's.
func (c FederatedConfig) roots() (*x509.CertPool, error) {
	if c.CAFile == "" {
		return nil, nil
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool() // there are none
	}
	_, err = appendRoots(roots, c.CAFile)
	return roots, err
}

// Probe asks the issuer for its discovery document and keys now, whatever the schedule says, or waits for a fetch
// under way. The error is a *DiscoveryError, or wraps ErrUnavailable if ctx has ended or f is closed.
func (f *Federated) Probe(ctx context.Context) error {
	err := f.keys.refresh(ctx)
	if err == nil {
		return nil
	}
	var told *DiscoveryError
	if errors.As(err, &told) {
		return told
	}
	var bad unusableKeys
	if errors.As(err, &bad) {
		return &DiscoveryError{Text: printable(bad.Error(), maxErrorText), cause: bad}
	}
	return err
}

// FederatedStatus is a snapshot for status pages. It holds nothing secret.
type FederatedStatus struct {
	IssuerStatus           // its Name is empty
	NextFetch    time.Time // the next one that happens by itself comes no sooner; zero before the first, and after Close
}

// Status returns a snapshot of the issuer's keys and fetches.
func (f *Federated) Status() FederatedStatus {
	st := FederatedStatus{IssuerStatus: f.keys.status("", f.cfg.Issuer)}
	if due := f.keys.dueAt.Load(); due > 0 && due != math.MaxInt64 {
		st.NextFetch = f.keys.epoch.Add(time.Duration(due)).UTC().Round(0)
	}
	return st
}

// Close stops a fetch under way and waits for it. Keys at hand stay usable until they end. It may be called
// more than once.
func (f *Federated) Close() { f.keys.close() }
