package authmethods

import (
	"encoding/json"
	"fmt"
	"time"
)

type bindingRecord struct {
	V              int       `json:"v"`
	Name           string    `json:"name"`
	ServiceUUID    string    `json:"service_uuid"`
	Host           string    `json:"host"`
	AuthIdentifier string    `json:"auth_identifier"`
	UniqueKey      string    `json:"unique_key"`
	AuthType       string    `json:"auth_type"`
	CreatedOn      time.Time `json:"created_on"`
	UpdatedOn      time.Time `json:"updated_on,omitzero"`
	LastAuth       time.Time `json:"last_auth,omitzero"`
}

func encodeBinding(b *Binding) ([]byte, error) {
	return json.Marshal(bindingRecord{
		V: recordVersion, Name: b.Name, ServiceUUID: b.ServiceUUID, Host: b.Host, AuthIdentifier: b.AuthIdentifier,
		UniqueKey: b.UniqueKey, AuthType: b.AuthType, CreatedOn: b.CreatedOn.UTC(), UpdatedOn: b.UpdatedOn.UTC(),
		LastAuth: b.LastAuth.UTC(),
	})
}

func decodeBinding(id string, data []byte) (*Binding, error) {
	var r bindingRecord
	if err := decodeRecord(data, &r, &r.V); err != nil {
		return nil, fmt.Errorf("reading binding %s: %w", id, err)
	}
	v := Binding{
		UUID: id, Name: r.Name, ServiceUUID: r.ServiceUUID, Host: r.Host, AuthIdentifier: r.AuthIdentifier,
		UniqueKey: r.UniqueKey, AuthType: r.AuthType, CreatedOn: r.CreatedOn.UTC(), UpdatedOn: r.UpdatedOn.UTC(),
		LastAuth: r.LastAuth.UTC(),
	}
	b, err := v.load()
	if err != nil {
		return nil, fmt.Errorf("reading binding %s: %w", id, err)
	}
	return b, nil
}

type withoutSANRecord struct {
	V      int       `json:"v"`
	SeenOn time.Time `json:"seen_on"`
}

func encodeWithoutSAN(w *withoutSAN) ([]byte, error) {
	return json.Marshal(withoutSANRecord{V: recordVersion, SeenOn: w.SeenOn.UTC()})
}

func decodeWithoutSAN(id string, data []byte) (*withoutSAN, error) {
	var r withoutSANRecord
	if err := decodeRecord(data, &r, &r.V); err != nil {
		return nil, fmt.Errorf("reading the note on binding %s: %w", id, err)
	}
	return &withoutSAN{SeenOn: r.SeenOn.UTC()}, nil
}
