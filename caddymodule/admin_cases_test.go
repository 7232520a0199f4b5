package caddymodule_test

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/authgate/authgate/admin/admintest"
	"github.com/authgate/authgate/admin/openapitest"
	"github.com/authgate/authgate/authn/authntest"
)

// caseRig is a gateway on which the management API's own suite runs.
type caseRig struct {
	*gateway
	ca          *authntest.CA
	plain, tls  string // addresses of the management API
	certificate string // files
	key         string
}

// caseName is the TLS site's: Caddy wants Host and SNI to be the same where certificates are asked for.
const caseName = "gate.tls.test"

func newCaseRig(t *testing.T) *caseRig {
	r := &caseRig{ca: authntest.NewCA(t), plain: loopback(freePort(t)), tls: loopback(freePort(t))}
	cert := r.ca.Issue(t, authntest.CertSpec{
		Subject: pkix.Name{CommonName: "gate"}, DNSNames: []string{caseName}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	private, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	r.certificate, r.key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for name, block := range map[string]*pem.Block{
		r.certificate: {Type: "CERTIFICATE", Bytes: cert.Certificate[0]}, r.key: {Type: "PRIVATE KEY", Bytes: private},
	} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// config is the rig's configuration with the embedded store; lines go into the authgate block.
func (r *caseRig) config(t *testing.T, x509Lines, lines string) setup {
	values := map[string]string{
		"PLAIN": r.plain, "TLS": caseName + ":" + portOf(r.tls), "CERT": r.certificate, "KEY": r.key, "CA": r.ca.File(), "ADMINKEY": adminKey,
		"X509": x509Lines, "LINES": lines,
	}
	return setup{
		Embedded: true,
		Global: fill(t, `
	authgate {
		admin_key $ADMINKEY
		x509 {
			ca $CA
			allow_private_addresses
			$X509
		}
		$LINES
	}`, values),
		Sites: fill(t, `
http://$PLAIN {
	authgate_admin
}
https://$TLS {
	tls $CERT $KEY {
		client_auth {
			mode request
		}
	}
	authgate_admin
}`, values),
	}
}

// suite runs on the rig's one gateway, its cases one after the other. Each answer is held to the document
// the gateway serves.
func (r *caseRig) suite(t *testing.T, secure bool) admintest.Suite {
	target := admintest.Target{Address: r.plain, Key: adminKey, CA: r.ca}
	if secure {
		target.Address, target.TLS = r.tls, &tls.Config{RootCAs: r.ca.Pool(), ServerName: caseName, MinVersion: tls.VersionTLS12}
		target.Host = caseName + ":" + portOf(r.tls)
	}
	resp, err := http.Get("http://" + r.plain + "/openapi.json")
	for tries := 0; err != nil && tries < 5; tries++ { // a listener that a load is just taking over may reset it
		resp, err = http.Get("http://" + r.plain + "/openapi.json")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	document, err := openapitest.New(text)
	if err != nil {
		t.Fatal(err)
	}
	return admintest.Suite{
		Open:   func(testing.TB) admintest.Target { return target },
		Shared: true,
		Check: func(t testing.TB, x admintest.Exchange) {
			if err := document.Check(x.Method, x.Path, x.Status, x.Header, []byte(x.Body)); err != nil {
				t.Error(err)
			}
		},
	}
}

// TestAdminCases runs the management API's suite over TCP against one gateway with the embedded store,
// which is reloaded for the cases about configurations.
func TestAdminCases(t *testing.T) {
	t.Parallel()
	r := newCaseRig(t)
	r.gateway = start(t, r.config(t, "", ""))
	r.suite(t, false).Run(t)
	r.suite(t, true).RunMapping(t)
	load := func(x509Lines, lines string) {
		t.Helper()
		if err := r.reload(r.config(t, x509Lines, lines)); err != nil {
			t.Fatal(err)
		}
	}
	load("verify_certificate off", "")
	r.suite(t, true).RunUncheckedMapping(t)
	load("", "redact_secrets")
	r.suite(t, false).RunRedacted(t)
	load("", "service_type "+admintest.DeclaredType+" {\n\t\t\ttype ams\n\t\t\tauth_method api-key\n\t\t\tauth_types x509\n\t\t\thosts "+admintest.DeclaredHost+
		"\n\t\t}\n\t\tauth_method "+admintest.DeclaredType+" "+admintest.DeclaredHost+":1 {\n\t\t\taccess_key declared-key-of-the-cases\n\t\t}")
	r.suite(t, false).RunDeclared(t)

	text := r.log(t)
	for _, secret := range append(admintest.MappingSecrets(), adminKey, "declared-key-of-the-cases") {
		if at := strings.Index(text, secret); at >= 0 {
			t.Errorf("the gateway logged %q: %s", secret, text[max(0, at-300):at])
		}
	}
}
