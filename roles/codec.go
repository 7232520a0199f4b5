package roles

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/authgate/authgate/internal/strictjson"
)

// recordVersion is the only version so far. A record of another version is unusable: what it means cannot be
// told (specs D5).
const recordVersion = 1

// recordDepth is how deep a record nests at most.
const recordDepth = 2

var (
	errVersion = errors.New("record of an unknown version")
	errForm    = errors.New("record does not have the form of its version")
)

// roleRecord has no name: that is the record's id.
type roleRecord struct {
	V           int               `json:"v"`
	Description string            `json:"description,omitempty"`
	Permissions map[string]string `json:"permissions,omitempty"`
	CreatedOn   time.Time         `json:"created_on,omitzero"`
	UpdatedOn   time.Time         `json:"updated_on,omitzero"`
	Deleting    bool              `json:"deleting,omitempty"`
	Lost        bool              `json:"lost,omitempty"`
}

func encodeRole(r *Role) ([]byte, error) {
	rec := roleRecord{
		V: recordVersion, Description: r.Description, Permissions: make(map[string]string, len(r.Permissions)),
		CreatedOn: r.CreatedOn.UTC(), UpdatedOn: r.UpdatedOn.UTC(), Deleting: r.deleting, Lost: r.lost,
	}
	for resource, access := range r.Permissions {
		rec.Permissions[resource] = access.String()
	}
	return json.Marshal(rec)
}

// decodeRole reads a record strictly: a member or a resource nobody knows may change what the rest means. Its
// errors hold nothing of the content but names.
func decodeRole(id string, data []byte) (*Role, error) {
	rec, err := readRecord(data)
	if err != nil {
		return nil, fmt.Errorf("reading role: %w", err)
	}
	p, err := ParsePermissions(rec.Permissions)
	if err != nil {
		return nil, fmt.Errorf("reading role: %w", err)
	}
	r, err := newRole(Role{
		Name: id, Description: rec.Description, Permissions: p, Origin: OriginImperative,
		CreatedOn: rec.CreatedOn.UTC(), UpdatedOn: rec.UpdatedOn.UTC(), deleting: rec.Deleting, lost: rec.Lost,
	})
	if err != nil {
		return nil, fmt.Errorf("reading role: %w", err)
	}
	return r, nil
}

func readRecord(data []byte) (*roleRecord, error) {
	if err := strictjson.Check(data, recordDepth); err != nil {
		return nil, err
	}
	var head struct {
		V int `json:"v"`
	}
	if err := json.Unmarshal(data, &head); err != nil || head.V != recordVersion {
		return nil, errVersion
	}
	rec := new(roleRecord)
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	// encoding/json matches names in any case: "V" beside "v" would pass the check for duplicates.
	if err := d.Decode(rec); err != nil || rec.V != recordVersion {
		return nil, errForm
	}
	return rec, nil
}
