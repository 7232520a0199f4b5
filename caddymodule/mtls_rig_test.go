package caddymodule_test

import (
	"crypto/tls"
	"crypto/x509/pkix"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/authgate/authgate/authn"
	"github.com/authgate/authgate/authn/authntest"
)

// certRig is a gateway whose callers present client certificates.
type certRig struct {
	*rig
	admin   string
	target  string        // the upstream's address
	clients *authntest.CA // the authority of the callers
	away    *authntest.CA // another one, whose revocation list is not to be had
	caFile  string        // both of them
	service string        // UUID of the service type
}

const certGlobal = `
	default_sni mtls.tls.test
	servers 127.0.0.1:$TLS {
		strict_sni_host insecure_off
	}
	authgate {
		admin_key $ADMINKEY
		issuer main {
			url $IDP
			audience https://gate.example
			algorithms ES256
			allow_private_addresses
		}
		$X509
	}`

// certSites ask for certificates without judging them, but for the last two; the wildcard site asks for none.
const certSites = `
(api) {
	reverse_proxy $API {
		transport authgate
	}
}
(asking) {
	tls $CERT $KEY {
		client_auth {
			mode request
		}
	}
}
https://mtls.tls.test:$TLS, https://127.0.0.1:$TLS {
	import asking
	authgate {
		accept mtls
	}
	import api
}
https://both.tls.test:$TLS {
	import asking
	authgate {
		accept bearer mtls
	}
	import api
}
https://robot.tls.test:$TLS {
	import asking
	authgate {
		accept mtls
		require claim binding robot
		identity_headers off
	}
	reverse_proxy $API {
		header_up X-Who "{http.auth.user.id} {http.auth.user.method} {http.auth.user.kind} {http.auth.user.binding}"
		transport authgate
	}
}
https://bearer.tls.test:$TLS {
	import asking
	authgate
	import api
}
https://*.tls.test:$TLS {
	tls $CERT $KEY
	authgate {
		accept mtls
	}
	import api
}
http://plain.test:$HTTP {
	authgate {
		accept mtls
	}
	import api
}
https://verified.tls.test:$TLS {
	tls $CERT $KEY {
		client_auth {
			mode verify_if_given
			trust_pool file $CLIENTCA
		}
	}
	authgate {
		accept mtls
	}
	import api
}
http://127.0.0.1:$ADMIN {
	authgate_admin
}
`

const withCA = "x509 {\n\t\t\tca $CLIENTCA\n\t\t\tallow_private_addresses\n\t\t}"

// newCertRig starts the gateway; x509 is that block.
func newCertRig(t *testing.T, x509 string) *certRig {
	t.Helper()
	r := prepareCertRig(t)
	r.gateway = start(t, r.setup(t, x509))
	r.makeService(t)
	return r
}

func prepareCertRig(t *testing.T) *certRig {
	t.Helper()
	r := &certRig{
		rig: &rig{
			recorder: newRecorder(preparedAnswers()), pki: newPKI(t), users: map[string]string{},
			idp: authntest.New(t, authntest.WithAlg("ES256")),
		},
		clients: authntest.NewCA(t), away: authntest.NewCA(t),
	}
	r.away.SetCRLFault(authntest.CRLFault{Abort: true})
	r.target = r.listen(t, "tcp", "127.0.0.1:0")
	r.http, r.tls, r.admin = loopback(freePort(t)), loopback(freePort(t)), loopback(freePort(t))
	r.users["user"] = r.idp.Token(t, nil)
	r.caFile = filepath.Join(t.TempDir(), "clients.pem")
	r.trust(t, r.clients.File())
	r.trust(t, r.away.File())
	return r
}

// trust adds a file's certificates to those that the gateway trusts; it counts from the next load on.
func (r *certRig) trust(t *testing.T, name string) {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	all, err := os.OpenFile(r.caFile, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer all.Close()
	if _, err := all.Write(data); err != nil {
		t.Fatal(err)
	}
}

// setup is the configuration of the rig with this x509 block.
func (r *certRig) setup(t *testing.T, x509 string) setup {
	t.Helper()
	values := map[string]string{
		"TLS": portOf(r.tls), "HTTP": portOf(r.http), "ADMIN": portOf(r.admin), "API": r.target, "ADMINKEY": adminKey, "IDP": r.idp.URL,
		"CERT": r.pki.certFile, "KEY": r.pki.keyFile, "CLIENTCA": r.caFile,
	}
	values["X509"] = fill(t, x509, values)
	return setup{Global: fill(t, certGlobal, values), Sites: fill(t, certSites, values)}
}

func (r *certRig) makeService(t *testing.T) {
	t.Helper()
	r.makeServiceWith(t, apiKey)
}

func (r *certRig) makeServiceWith(t *testing.T, key string) {
	t.Helper()
	body := `{"name":"stored","hosts":["127.0.0.1"],"auth_types":["x509","oidc"],"auth_method":"api-key","type":"ams"}`
	out := api(t, r.admin, http.MethodPost, typePath, body)
	must(t, http.StatusCreated, out)
	var made struct{ UUID string }
	if err := json.Unmarshal([]byte(out.body), &made); err != nil {
		t.Fatal(err)
	}
	r.service = made.UUID
	must(t, http.StatusCreated, api(t, r.admin, http.MethodPost, createPath, fmt.Sprintf(`{"host":"127.0.0.1","port":%s,"access_key":%q}`, portOf(r.target), key)))
}

// bind makes a binding of the certificate's subject.
func (r *certRig) bind(t *testing.T, name string, cert tls.Certificate) {
	t.Helper()
	r.bindAs(t, name, "x509", authn.SubjectDN(cert.Leaf), "key-of-"+name)
}

func (r *certRig) bindAs(t *testing.T, name, authType, identifier, key string) {
	t.Helper()
	body := fmt.Sprintf(`{"service_uuid":%q,"host":"127.0.0.1","auth_identifier":%q,"unique_key":%q,"auth_type":%q}`, r.service, identifier, key, authType)
	must(t, http.StatusCreated, api(t, r.admin, http.MethodPost, "/v1/bindings/"+name, body))
}

// named is a certificate for a client of this common name.
func named(cn string) authntest.CertSpec {
	return authntest.CertSpec{Subject: pkix.Name{CommonName: cn, Organization: []string{"Acme"}}}
}

// with is the TLS configuration of a client that presents cert to a site, whichever authorities that names.
func (r *certRig) with(sni string, cert tls.Certificate, protocols ...string) *tls.Config {
	c := r.pki.clientTLS(sni, protocols...)
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil }
	return c
}

// as calls a site with a certificate.
func (r *certRig) as(t *testing.T, site string, cert tls.Certificate, c call) result {
	t.Helper()
	c.Host, c.TLS = site, r.with(site, cert)
	return c.sendAfterReload(t, r.tls, r.recorder)
}
