package authn

import "time"

// NewUncheckedIssuer is NewIssuer without Validate, to prove that the dial guard holds by itself.
func NewUncheckedIssuer(cfg IssuerConfig, deps IssuerDeps) (*Issuer, error) {
	return newIssuer(cfg.withDefaults(), deps)
}

// SetFetchTimeout shortens the time limit of a fetch, which the tests of slow issuers would wait for.
func (i *Issuer) SetFetchTimeout(d time.Duration) { i.keys.timeout = d }

// CheckDial asks the dial guard about an address.
func CheckDial(address string, private, loopbackOnly bool) error {
	return addressGuard{private: private, loopbackOnly: loopbackOnly}.control("tcp", address, nil)
}
