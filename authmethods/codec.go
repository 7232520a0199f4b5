package authmethods

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/authgate/authgate/internal/secret"
	"github.com/authgate/authgate/internal/strictjson"
)

// recordVersion is the only version of both records so far. A record of another version is unusable:
// what it means cannot be told (specs D5).
const recordVersion = 1

// recordDepth is how deep a record nests at most.
const recordDepth = 4

var errVersion = errors.New("record of an unknown version")

type serviceTypeRecord struct {
	V          int       `json:"v"`
	Name       string    `json:"name"`
	Hosts      []string  `json:"hosts"`
	AuthTypes  []string  `json:"auth_types"`
	AuthMethod string    `json:"auth_method"`
	Type       string    `json:"type"`
	CreatedOn  time.Time `json:"created_on"`
	UpdatedOn  time.Time `json:"updated_on,omitzero"`
}

type methodRecord struct {
	V              int               `json:"v"`
	ServiceUUID    string            `json:"service_uuid"`
	Host           string            `json:"host"`
	Port           int               `json:"port"`
	Type           string            `json:"type"`
	AccessKey      string            `json:"access_key,omitempty"`
	Headers        map[string]string `json:"headers,omitempty"`
	Path           string            `json:"path,omitempty"`
	RetrievalField string            `json:"retrieval_field,omitempty"`
	CreatedOn      time.Time         `json:"created_on"`
	UpdatedOn      time.Time         `json:"updated_on,omitzero"`
}

func encodeServiceType(st *ServiceType) ([]byte, error) {
	return json.Marshal(serviceTypeRecord{
		V: recordVersion, Name: st.Name, Hosts: st.Hosts, AuthTypes: st.AuthTypes, AuthMethod: st.AuthMethod,
		Type: st.Type, CreatedOn: st.CreatedOn.UTC(), UpdatedOn: st.UpdatedOn.UTC(),
	})
}

func decodeServiceType(id string, data []byte) (*ServiceType, error) {
	var r serviceTypeRecord
	if err := decodeRecord(data, &r, &r.V); err != nil {
		return nil, fmt.Errorf("reading service type %s: %w", id, err)
	}
	st, err := newServiceType(ServiceType{
		UUID: id, Name: r.Name, Hosts: r.Hosts, AuthTypes: r.AuthTypes, AuthMethod: r.AuthMethod,
		Type: r.Type, CreatedOn: r.CreatedOn.UTC(), UpdatedOn: r.UpdatedOn.UTC(),
	})
	if err != nil {
		return nil, fmt.Errorf("reading service type %s: %w", id, err)
	}
	return st, nil
}

func encodeMethod(m *Method) ([]byte, error) {
	r := methodRecord{
		V: recordVersion, ServiceUUID: m.ServiceUUID, Host: m.Host, Port: m.Port, Type: m.Type, AccessKey: m.AccessKey.Reveal(),
		Path: m.Path, RetrievalField: m.RetrievalField, CreatedOn: m.CreatedOn.UTC(), UpdatedOn: m.UpdatedOn.UTC(),
	}
	if m.Headers != nil {
		r.Headers = make(map[string]string, len(m.Headers))
		for name, value := range m.Headers {
			r.Headers[name] = value.Reveal()
		}
	}
	return json.Marshal(r)
}

func decodeMethod(id string, data []byte) (*Method, error) {
	var r methodRecord
	if err := decodeRecord(data, &r, &r.V); err != nil {
		return nil, fmt.Errorf("reading auth method %s: %w", id, err)
	}
	v := Method{
		UUID: id, ServiceUUID: r.ServiceUUID, Host: r.Host, Port: r.Port, Type: r.Type, AccessKey: secret.New(r.AccessKey),
		Path: r.Path, RetrievalField: r.RetrievalField, CreatedOn: r.CreatedOn.UTC(), UpdatedOn: r.UpdatedOn.UTC(),
	}
	if r.Headers != nil {
		v.Headers = make(map[string]secret.String, len(r.Headers))
		for name, value := range r.Headers {
			v.Headers[name] = secret.New(value)
		}
	}
	m, err := v.load()
	if err != nil {
		return nil, fmt.Errorf("reading auth method %s: %w", id, err)
	}
	return m, nil
}

// load checks all that a stored method must satisfy by itself; whether its service type still lists its
// host is asked when it is used. A record without its secret does not load (specs D6).
func (m *Method) load() (*Method, error) {
	if err := m.checkRequired(); err != nil {
		return nil, err
	}
	if err := m.checkCredential(); err != nil {
		return nil, err
	}
	if reason := pathSegmentFault(m.Host); reason != "" || len(m.Host) > maxHost {
		return nil, invalidField("host", "It cannot be a host")
	}
	return newMethod(*m)
}

// decodeRecord reads one record strictly: a member nobody knows may change what the rest means. Its
// errors hold nothing of the content.
func decodeRecord(data []byte, into any, version *int) error {
	if err := strictjson.Check(data, recordDepth); err != nil {
		return err
	}
	var head struct {
		V int `json:"v"`
	}
	if err := json.Unmarshal(data, &head); err != nil || head.V != recordVersion {
		return errVersion
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return errors.New("record does not have the form of its version")
	}
	if *version != recordVersion {
		return errVersion
	}
	return nil
}
