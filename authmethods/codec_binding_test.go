package authmethods

import (
	"reflect"
	"strings"
	"testing"
)

const goldenBinding = `{"v":1,"name":"b1","service_uuid":"uuid1","host":"host1","auth_identifier":"CN=a,O=b","unique_key":"k\u003c1","auth_type":"x509","created_on":"2018-05-05T18:04:05Z","updated_on":"2021-05-05T18:04:05Z","last_auth":"2021-06-05T18:04:05Z"}`

// TestBindingRecordFormat pins the stored form: other versions of the program read it.
func TestBindingRecordFormat(t *testing.T) {
	t.Parallel()
	b, err := decodeBinding("id", []byte(goldenBinding))
	if err != nil || b.UUID != "id" || b.UniqueKey != "k<1" {
		t.Fatalf("decoded %+v, %v", b, err)
	}
	if again, err := encodeBinding(b); err != nil || string(again) != goldenBinding {
		t.Errorf("encoded %s, %v", again, err)
	}
	const note = `{"v":1,"seen_on":"2018-05-05T18:04:05Z"}`
	w, err := decodeWithoutSAN("id", []byte(note))
	if err != nil {
		t.Fatal(err)
	}
	if again, err := encodeWithoutSAN(w); err != nil || string(again) != note {
		t.Errorf("encoded %s, %v", again, err)
	}
	if _, err := decodeWithoutSAN("id", []byte(`{"v":2}`)); err == nil {
		t.Error("a note of another version was read")
	}
}

// TestBrokenBindingsDoNotDecode: D5, and no error quotes what the record holds.
func TestBrokenBindingsDoNotDecode(t *testing.T) {
	t.Parallel()
	change := func(old, with string) string {
		if !strings.Contains(goldenBinding, old) {
			t.Fatalf("%s is not in %s", old, goldenBinding)
		}
		return strings.Replace(goldenBinding, old, with, 1)
	}
	for name, data := range map[string]string{
		"empty": "", "null": "null", "cut": goldenBinding[:50], "more": goldenBinding + "{}",
		"version_2":          change(`"v":1`, `"v":2`),
		"unknown_member":     change(`"name"`, `"nbf":1,"name"`),
		"J15_duplicate":      change(`"name":"b1"`, `"name":"b1","name":"b2"`),
		"no_unique_key":      change(`"k\u003c1"`, `""`),
		"no_identifier":      change(`"CN=a,O=b"`, `""`),
		"auth_type":          change(`"x509"`, `"basic"`),
		"H11_identifier_LF":  change(`CN=a,O=b`, `CN=a\nO=b`),
		"A5_name":            change(`"b1"`, `"../b1"`),
		"A5_host":            change(`"host1"`, `"host1/.."`),
		"number_as_text":     change(`"b1"`, `1`),
		"time":               change(`2018-05-05T18:04:05Z`, `yesterday`),
		"service_uuid_long":  change(`uuid1`, strings.Repeat("u", 65)),
		"unique_key_control": change(`k\u003c1`, `k\u0000`),
	} {
		b, err := decodeBinding("id", []byte(data))
		if err == nil {
			t.Errorf("%s: decoded to %+v", name, b)
		} else if strings.Contains(err.Error(), "CN=a") || strings.Contains(err.Error(), "k<1") {
			t.Errorf("%s: the error quotes the record: %v", name, err)
		}
	}
}

// FuzzBindingRecord holds that whatever loads is safe to use, and survives being stored again.
func FuzzBindingRecord(f *testing.F) {
	f.Add([]byte(goldenBinding))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := decodeBinding("id", data)
		if err != nil {
			return
		}
		if pathSegmentFault(b.Name) != "" || textFault(b.UniqueKey, maxUniqueKey) != "" || textFault(b.AuthIdentifier, maxAuthIdentifier) != "" {
			t.Fatalf("unsafe binding %+v", b)
		}
		stored, err := encodeBinding(b)
		if err != nil {
			return // a year that cannot be written
		}
		if again, err := decodeBinding("id", stored); err != nil || !reflect.DeepEqual(b, again) {
			t.Fatalf("%s decoded to %+v, then %+v, %v", data, b, again, err)
		}
	})
}
