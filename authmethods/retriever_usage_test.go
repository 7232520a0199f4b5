package authmethods_test

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/authgate/authgate/authmethods"
	"github.com/authgate/authgate/authn/authntest"
)

// TestRetrieveServerUsage: M3: what the authority of clients has issued to a client does not make it an
// external service, though its certificate names the address.
func TestRetrieveServerUsage(t *testing.T) {
	t.Parallel()
	ca := authntest.NewCA(t)
	none, server := []x509.ExtKeyUsage{}, x509.ExtKeyUsageServerAuth
	for name, tt := range map[string]struct {
		usages []x509.ExtKeyUsage
		ok     bool
	}{
		"M3_none":           {none, false},
		"M3_any":            {[]x509.ExtKeyUsage{x509.ExtKeyUsageAny}, false},
		"M3_client":         {[]x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, false},
		"M3_any_and_client": {[]x509.ExtKeyUsage{x509.ExtKeyUsageAny, x509.ExtKeyUsageClientAuth}, false},
		"server":            {[]x509.ExtKeyUsage{server}, true},
		"server_and_client": {[]x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, server}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cert := ca.Issue(t, authntest.CertSpec{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: tt.usages})
			e := newExternalWith(t, func(s *httptest.Server) {
				s.TLS = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{cert}}
			})
			rig := mapRig(t, e, authmethods.Declared{}, tokenMethod())
			rig.svc = rig.configureWith(authmethods.Declared{}, authmethods.Deps{
				Now: time.Now, Retrieve: authmethods.RetrieveConfig{AllowPrivateAddresses: true, Roots: ca.Pool()},
			})
			_, err := tokenFor(rig, e.host)
			if tt.ok {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantMapError(t, err, "the certificate of the external service is not valid")
			if e.calls() != 0 {
				t.Error("the service got the request")
			}
		})
	}
}
