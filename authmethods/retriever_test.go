package authmethods

import (
	"crypto/tls"
	"testing"
)

// TestRetrieverSettings holds what no test on loopback can see: net/http uses no proxy for loopback
// addresses, and tests wait for no ten seconds.
func TestRetrieverSettings(t *testing.T) {
	t.Parallel()
	c := newRetriever(RetrieveConfig{})
	if c.transport.Proxy != nil {
		t.Error("a proxy of the environment would be used")
	}
	if c.client.Jar != nil {
		t.Error("cookies are kept")
	}
	if c.timeout != retrieveTimeout || c.transport.MaxIdleConns != maxIdleConns || c.transport.MaxConnsPerHost != maxConnsPerHost ||
		c.transport.IdleConnTimeout == 0 {
		t.Error("time or connections are not bounded")
	}
	if c.transport.TLSClientConfig.MinVersion != tls.VersionTLS12 || c.transport.TLSClientConfig.InsecureSkipVerify {
		t.Error("TLS is not as strict as it should be")
	}
}
