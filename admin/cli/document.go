package cli

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/authgate/authgate/internal/strictjson"
	"github.com/authgate/authgate/store/seal"
)

const (
	formatPlain  = "authgate-export/v1"
	formatSealed = "authgate-export-encrypted/v1"

	// sealName binds the envelope to its purpose: what the gateway stores under the same key cannot pass
	// for an export, nor the other way round.
	sealName = "authgate export"

	secretsIncluded, secretsRedacted = "included", "redacted"
)

// document is an export. It holds what a user wrote, nothing that a gateway made: no ids, no times, so that
// equal states have equal documents.
type document struct {
	Format       string       `json:"format"`
	Secrets      string       `json:"secrets"` // "included" or "redacted"
	ServiceTypes []docType    `json:"service_types"`
	AuthMethods  []docMethod  `json:"auth_methods"`
	Bindings     []docBinding `json:"bindings"`
}

type docType struct {
	Name       string   `json:"name"`
	Hosts      []string `json:"hosts"`
	AuthTypes  []string `json:"auth_types"`
	AuthMethod string   `json:"auth_method"`
	Type       string   `json:"type"`
}

type docMethod struct {
	ServiceType    string            `json:"service_type"`
	Host           string            `json:"host"`
	Port           int               `json:"port"`
	Type           string            `json:"type"`
	Path           string            `json:"path,omitempty"`
	RetrievalField string            `json:"retrieval_field,omitempty"`
	AccessKey      string            `json:"access_key,omitempty"`
	Headers        map[string]string `json:"headers,omitempty"`
}

type docBinding struct {
	Name           string `json:"name"`
	ServiceType    string `json:"service_type"`
	Host           string `json:"host"`
	AuthType       string `json:"auth_type"`
	AuthIdentifier string `json:"auth_identifier"`
	UniqueKey      string `json:"unique_key"`
}

// sealedDocument is the frame of an encrypted export.
type sealedDocument struct {
	Format    string `json:"format"`
	Key       string `json:"key"` // the id of the key; for people, and not trusted
	Encrypted string `json:"encrypted"`
}

// encode returns the bytes of a document: the same for the same content.
func (d *document) encode() ([]byte, error) {
	slices.SortFunc(d.ServiceTypes, func(a, b docType) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(d.AuthMethods, func(a, b docMethod) int {
		return cmp.Or(strings.Compare(a.ServiceType, b.ServiceType), strings.Compare(a.Host, b.Host))
	})
	slices.SortFunc(d.Bindings, func(a, b docBinding) int { return strings.Compare(a.Name, b.Name) })
	return encodeJSON(d)
}

func sealDocument(plain []byte, key seal.Key) ([]byte, error) {
	ring, err := seal.NewKeyring(key)
	if err != nil {
		return nil, err
	}
	sealed, err := ring.Seal(plain, sealName)
	if err != nil {
		return nil, err
	}
	return encodeJSON(sealedDocument{Format: formatSealed, Key: key.ID(), Encrypted: base64.StdEncoding.EncodeToString(sealed)})
}

// formatOf returns what a document says it is.
func formatOf(data []byte) (string, error) {
	if err := strictjson.Check(data, 32); err != nil {
		return "", fmt.Errorf("this is no export of authgate's: %w", err)
	}
	var head struct {
		Format string `json:"format"`
	}
	if err := json.Unmarshal(data, &head); err != nil || head.Format == "" {
		return "", errors.New("this is no export of authgate's: it has no format")
	}
	if head.Format != formatPlain && head.Format != formatSealed {
		return "", fmt.Errorf("this export has the format %q, which this version does not know", clip(head.Format, 100))
	}
	return head.Format, nil
}

// openDocument decrypts an encrypted export.
func openDocument(data []byte, key seal.Key) ([]byte, error) {
	var frame sealedDocument
	if err := decodeStrict(data, &frame); err != nil {
		return nil, err
	}
	sealed, err := base64.StdEncoding.DecodeString(frame.Encrypted)
	if err != nil {
		return nil, errors.New("the encrypted export is damaged: it is not base64")
	}
	if id, ok := seal.Sealed(sealed); ok && id != key.ID() {
		return nil, fmt.Errorf("the export is encrypted with the key %s, and the key given is %s", id, key.ID())
	}
	ring, err := seal.NewKeyring(key)
	if err != nil {
		return nil, err
	}
	plain, err := ring.Open(sealed, sealName)
	if err != nil {
		return nil, errors.New("the encrypted export cannot be decrypted: it was changed, or is no export")
	}
	return plain, nil
}

// parseDocument reads a plain document, and refuses one that holds something twice or that is not known:
// what an import leaves out silently would be missed too late.
func parseDocument(data []byte) (*document, error) {
	if format, err := formatOf(data); err != nil {
		return nil, err
	} else if format != formatPlain {
		return nil, errors.New("an encrypted export within an encrypted one")
	}
	d := new(document)
	if err := decodeStrict(data, d); err != nil {
		return nil, err
	}
	if d.Secrets != secretsIncluded && d.Secrets != secretsRedacted {
		return nil, errors.New("the export does not say whether its secrets are included or redacted")
	}
	return d, d.check()
}

// decodeStrict keeps values out of its errors: they may be secrets.
func decodeStrict(data []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	err := dec.Decode(v)
	var wrongType *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &wrongType):
		return fmt.Errorf("the export is damaged: %s is of the wrong type", wrongType.Field)
	default:
		return fmt.Errorf("the export is damaged: %w", err)
	}
}

// check refuses documents that name one object twice.
func (d *document) check() error {
	seen := map[object]struct{}{}
	once := func(o object) error {
		if _, twice := seen[o]; twice {
			return fmt.Errorf("the export holds the %s twice", o)
		}
		seen[o] = struct{}{}
		return nil
	}
	for _, st := range d.ServiceTypes {
		if err := once(object{kindType, st.Name, ""}); err != nil {
			return err
		}
	}
	for _, m := range d.AuthMethods {
		if err := once(object{kindMethod, m.ServiceType, m.Host}); err != nil {
			return err
		}
	}
	for _, b := range d.Bindings {
		if err := once(object{kindBinding, b.Name, ""}); err != nil {
			return err
		}
	}
	return nil
}

const kindType, kindMethod, kindBinding = "service type", "auth method", "binding"

// object names one thing of a document: a service type or binding by its name, an auth method by its
// service type's name and its host.
type object struct{ kind, name, host string }

func (o object) String() string { return o.kind + " " + o.id() }

func (o object) id() string {
	if o.host == "" {
		return o.name
	}
	return o.name + "/" + o.host
}
