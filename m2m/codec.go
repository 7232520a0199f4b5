package m2m

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/authgate/authgate/internal/strictjson"
)

// recordVersion is the only version so far. A record of another version is unusable: what it means cannot be
// told (specs D5).
const recordVersion = 1

// recordDepth is how deep a record nests at most.
const recordDepth = 3

var (
	errVersion = errors.New("record of an unknown version")
	errForm    = errors.New("record does not have the form of its version")
)

// configRecord has no id: that is the record's own.
type configRecord struct {
	V              int             `json:"v"`
	Type           string          `json:"type"`
	Expires        string          `json:"expires"`
	Issuer         string          `json:"issuer"`
	Audience       string          `json:"audience,omitempty"`
	Audiences      []string        `json:"audiences,omitempty"`
	Mappings       []mappingRecord `json:"mappings,omitempty"`
	Mutability     string          `json:"mutability,omitempty"`
	Visibility     string          `json:"visibility,omitempty"`
	Preset         string          `json:"preset,omitempty"`
	LimitToIDToken bool            `json:"limit_to_id_token,omitempty"`
	OneTime        bool            `json:"one_time,omitempty"`
}

type mappingRecord struct {
	Key        string `json:"key"`
	Expression string `json:"expression"`
	Role       string `json:"role"`
	Match      string `json:"match,omitempty"`
}

func encodeConfig(c *Config) ([]byte, error) {
	r := configRecord{
		V: recordVersion, Type: c.Type, Expires: c.TokenExpirationDuration, Issuer: c.Issuer,
		Audience: c.Audience, Audiences: c.Audiences, Mutability: c.Traits.MutabilityMode, Visibility: c.Traits.Visibility,
		Preset: c.Preset, LimitToIDToken: c.LimitToIDToken, OneTime: c.OneTime,
	}
	for _, m := range c.Mappings {
		r.Mappings = append(r.Mappings, mappingRecord{Key: m.Key, Expression: m.ValueExpression, Role: m.Role, Match: m.MatchType})
	}
	return json.Marshal(r)
}

// decodeConfig reads and compiles a record. It is strict: a member nobody knows may change what the rest means.
func decodeConfig(id string, data []byte) (*Config, error) {
	r, err := readRecord(data)
	if err != nil {
		return nil, fmt.Errorf("reading auth machine to machine config: %w", err)
	}
	v := Config{
		ID: id, Type: r.Type, TokenExpirationDuration: r.Expires, Issuer: r.Issuer, Audience: r.Audience, Audiences: r.Audiences,
		Traits: Traits{MutabilityMode: r.Mutability, Visibility: r.Visibility}, Preset: r.Preset,
		LimitToIDToken: r.LimitToIDToken, OneTime: r.OneTime,
	}
	for _, m := range r.Mappings {
		v.Mappings = append(v.Mappings, Mapping{Key: m.Key, ValueExpression: m.Expression, Role: m.Role, MatchType: m.Match})
	}
	// Where an issuer may be is not the record's to say: it is asked when it is written and when it is dialled.
	c, err := newConfig(v, true)
	if err != nil {
		return nil, fmt.Errorf("reading auth machine to machine config: %w", err)
	}
	return c, nil
}

func readRecord(data []byte) (*configRecord, error) {
	if err := strictjson.Check(data, recordDepth); err != nil {
		return nil, err
	}
	var head struct {
		V int `json:"v"`
	}
	if err := json.Unmarshal(data, &head); err != nil || head.V != recordVersion {
		return nil, errVersion
	}
	r := new(configRecord)
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(r); err != nil {
		return nil, errForm
	}
	return r, nil
}
