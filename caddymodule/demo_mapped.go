//go:build !authgate_sidecar

package caddymodule

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
)

// The second part of the demo: a caller with a client certificate, who becomes a user of the service.

// robotDN is the subject of the demo caller's certificate as bindings write it.
const robotDN = "CN=robot,O=acme"

func (d *demo) bind() error {
	d.title("Bind the holder of a client certificate to a user of a service")
	body := fmt.Sprintf(`{"name": "users", "hosts": [%q], "auth_types": ["x509"], "auth_method": "api-key", "type": "ams"}`, d.rig.echoHost)
	made, err := d.admin(http.MethodPost, "/v1/service-types", body, http.StatusCreated)
	if err != nil {
		return err
	}
	var service struct {
		UUID string `json:"uuid"`
	}
	if err := json.Unmarshal(made, &service); err != nil {
		return err
	}
	body = fmt.Sprintf(`{"host": %q, "port": %d, "access_key": "key-of-users"}`, d.rig.echoHost, d.rig.usersPort)
	if _, err := d.admin(http.MethodPost, "/v1/service-types/users/authm", body, http.StatusCreated); err != nil {
		return err
	}
	body = fmt.Sprintf(`{"service_uuid": %q, "host": %q, "auth_type": "x509", "auth_identifier": %q, "unique_key": "user-7"}`,
		service.UUID, d.rig.echoHost, robotDN)
	_, err = d.admin(http.MethodPost, "/v1/bindings/robot", body, http.StatusCreated)
	return err
}

func (d *demo) callMapped() error {
	d.title("Call with the certificate: the service gets that user's own token")
	body, err := d.withCertificate(http.StatusOK)
	if err != nil {
		return err
	}
	var seen struct {
		Headers map[string]string `json:"headers"`
	}
	if err := json.Unmarshal(body, &seen); err != nil {
		return fmt.Errorf("the echo service's answer: %w", err)
	}
	return wantHeaders(seen.Headers, map[string]string{"X-Api-Key": "token-of-user-7", "X-Auth-Subject": robotDN, "X-Auth-Method": "mtls"})
}

func (d *demo) unbind() error {
	d.title("Take the binding away: the certificate opens nothing any more")
	if _, err := d.admin(http.MethodDelete, "/v1/bindings/robot", "", http.StatusNoContent); err != nil {
		return err
	}
	_, err := d.withCertificate(http.StatusUnauthorized)
	return err
}

// withCertificate calls the service of users as robot.
func (d *demo) withCertificate(want int) ([]byte, error) {
	url := "https://" + d.rig.apiTLS + "/queues"
	d.printf("   $ curl --cacert $CERTS/ca.pem --cert $CERTS/robot.pem --key $CERTS/robot-key.pem %s\n", url)
	ca, err := os.ReadFile(d.rig.ca.file("ca.pem"))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		return nil, errors.New("the demo's CA file holds no certificate")
	}
	cert, err := tls.LoadX509KeyPair(d.rig.ca.file("robot.pem"), d.rig.ca.file("robot-key.pem"))
	if err != nil {
		return nil, err
	}
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12},
	}}
	defer client.CloseIdleConnections()
	req, err := http.NewRequestWithContext(d.ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	return d.send(client, req, want)
}
