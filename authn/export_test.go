package authn

import (
	"net/url"
	"time"
)

// NewUncheckedIssuer is NewIssuer without Validate, to prove that the dial guard holds by itself.
func NewUncheckedIssuer(cfg IssuerConfig, deps IssuerDeps) (*Issuer, error) {
	return newIssuer(cfg.withDefaults(), deps)
}

// SetFetchTimeout shortens the time limit of a fetch, which the tests of slow issuers would wait for.
func (i *Issuer) SetFetchTimeout(d time.Duration) { i.keys.timeout = d }

// NewUncheckedFederated is NewFederated without its checks.
func NewUncheckedFederated(cfg FederatedConfig, deps IssuerDeps) (*Federated, error) {
	return newFederated(cfg, deps.withDefaults())
}

// IsPublishedAt reports whether issuer may name address as the place of its keys.
func IsPublishedAt(issuer, address string) bool {
	u, err := url.Parse(issuer)
	return err == nil && isPublishedAt(u, address)
}

// SetFetchTimeout is that of Issuer.
func (f *Federated) SetFetchTimeout(d time.Duration) {
	f.keys.mu.Lock()
	defer f.keys.mu.Unlock()
	f.keys.timeout = d
}

// SetCRLTimeout shortens the time limit of a fetch, which the tests of slow servers would wait for.
func (c *ClientCerts) SetCRLTimeout(d time.Duration) { c.crls.timeout = d }

// SetCRLMemory lowers what all lists together may take.
func (c *ClientCerts) SetCRLMemory(bytes int) { c.crls.memory = bytes }

// CRLMemory counts the lists known, and what they take by the store's account and in truth.
func (c *ClientCerts) CRLMemory() (lists, counted, taken int) {
	c.crls.mu.Lock()
	defer c.crls.mu.Unlock()
	for _, e := range c.crls.lists.Values() {
		if e.list != nil {
			taken += e.list.size()
		}
	}
	return c.crls.lists.Len(), c.crls.bytes, taken
}

// CheckDial asks the dial guard about an address.
func CheckDial(address string, private, loopbackOnly bool) error {
	return addressGuard{private: private, loopbackOnly: loopbackOnly}.control("tcp", address, nil)
}

// ParseJWKS returns the kids of the usable keys of a set.
func ParseJWKS(data []byte, algorithms []string) ([]string, error) {
	keys, err := parseJWKS(data, algorithmSet(algorithms))
	var kids []string
	for _, k := range keys {
		kids = append(kids, k.kid)
	}
	return kids, err
}
