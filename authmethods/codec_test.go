package authmethods

import (
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"
)

const (
	goldenType   = `{"v":1,"name":"s1","hosts":["host1"],"auth_types":["x509"],"auth_method":"api-key","type":"ams","created_on":"2018-05-05T18:04:05Z"}`
	goldenKey    = `{"v":1,"service_uuid":"uuid1","host":"host1","port":9000,"type":"api-key","access_key":"k<e>y","path":"/?k={{access_key}}","retrieval_field":"token","created_on":"2018-05-05T18:04:05Z","updated_on":"2021-05-05T18:04:05Z"}`
	goldenHeader = `{"v":1,"service_uuid":"uuid1","host":"host1","port":1,"type":"headers","headers":{"Accept":"a/b","x-t":"v"},"created_on":"2018-05-05T18:04:05.5Z"}`
)

// TestRecordFormat pins the stored form: other versions of the program read it.
func TestRecordFormat(t *testing.T) {
	t.Parallel()
	st, err := decodeServiceType("uuid1", []byte(goldenType))
	if err != nil {
		t.Fatal(err)
	}
	if st.UUID != "uuid1" || st.Name != "s1" || !st.CreatedOn.Equal(time.Date(2018, 5, 5, 18, 4, 5, 0, time.UTC)) || !st.UpdatedOn.IsZero() {
		t.Errorf("decoded %+v", st)
	}
	if b, err := encodeServiceType(st); err != nil || string(b) != goldenType {
		t.Errorf("encoded %s, %v", b, err)
	}
	for _, golden := range []string{goldenKey, goldenHeader} {
		m, err := decodeMethod("id", []byte(golden))
		if err != nil {
			t.Fatal(err)
		}
		b, err := encodeMethod(m)
		if want := strings.NewReplacer("<", `\u003c`, ">", `\u003e`).Replace(golden); err != nil || string(b) != want {
			t.Errorf("encoded %s, want %s, %v", b, want, err)
		}
	}
}

// TestBrokenRecordsDoNotDecode: D5, and no error quotes what the record holds.
func TestBrokenRecordsDoNotDecode(t *testing.T) {
	t.Parallel()
	change := func(golden, old, with string) string {
		if !strings.Contains(golden, old) {
			t.Fatalf("%s is not in %s", old, golden)
		}
		return strings.Replace(golden, old, with, 1)
	}
	tests := []struct{ name, data string }{
		{"empty", ""},
		{"null", "null"},
		{"array", "[]"},
		{"cut", goldenKey[:len(goldenKey)-1]},
		{"more", goldenKey + "{}"},
		{"version_2", change(goldenKey, `"v":1`, `"v":2`)},
		{"version_absent", change(goldenKey, `"v":1,`, ``)},
		{"version_text", change(goldenKey, `"v":1`, `"v":"1"`)},
		{"J15_duplicate_member", change(goldenKey, `"port":9000`, `"port":9000,"port":1`)},
		{"unknown_member", change(goldenKey, `"port":9000`, `"port":9000,"scheme":"http"`)},
		{"no_service", change(goldenKey, `"uuid1"`, `""`)},
		{"no_host", change(goldenKey, `"host1"`, `""`)},
		{"slash_in_host", change(goldenKey, `"host1"`, `"a/b"`)},
		{"no_port", change(goldenKey, `9000`, `0`)},
		{"port_range", change(goldenKey, `9000`, `65536`)},
		{"unknown_kind", change(goldenKey, `"api-key"`, `"basic"`)},
		{"D6_no_key", change(goldenKey, `k<e>y`, ``)},
		{"H11_newline_in_key", change(goldenKey, `k<e>y`, `k\r\nX: y`)},
		{"kind_without_its_field", change(goldenKey, `"api-key"`, `"headers"`)},
		{"H11_newline_in_value", change(goldenHeader, `"v"}`, `"v\n"}`)},
		{"hop_by_hop", change(goldenHeader, `x-t`, `te`)},
		{"H4_twins", change(goldenHeader, `Accept`, `X_T`)},
		{"null_header", change(goldenHeader, `"x-t":"v"`, `"x-t":null`)},
		{"bad_path", change(goldenKey, `{{access_key}}`, `{{x}}`)},
		{"bad_time", change(goldenKey, `2018-05-05T18:04:05Z`, `yesterday`)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m, err := decodeMethod("id", []byte(tt.data))
			if err == nil {
				t.Fatalf("decoded %+v", m)
			}
			if strings.Contains(err.Error(), "e>y") {
				t.Errorf("error quotes the secret: %v", err)
			}
		})
	}
	for _, data := range []string{"", "null", `{"v":1}`, change(goldenType, `"v":1`, `"v":3`), change(goldenType, `"s1"`, `"a/b"`),
		change(goldenType, `["x509"]`, `["kerberos"]`), change(goldenType, `["host1"]`, `[]`)} {
		if st, err := decodeServiceType("id", []byte(data)); err == nil {
			t.Errorf("%s decoded to %+v", data, st)
		}
	}
}

func FuzzServiceTypeRecord(f *testing.F) {
	f.Add([]byte(goldenType))
	f.Add([]byte(`{"v":1,"name":"","hosts":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		st, err := decodeServiceType("id", data)
		if err != nil {
			return
		}
		b, err := encodeServiceType(st)
		if err != nil {
			return // a year that cannot be written
		}
		again, err := decodeServiceType("id", b)
		if err != nil || !reflect.DeepEqual(st, again) {
			t.Fatalf("%s decoded to %+v, then %+v, %v", data, st, again, err)
		}
		if strings.ContainsAny(st.Name, "/\r\n\x00") || st.Name == "" || len(st.Hosts) == 0 {
			t.Fatalf("unsafe service type %+v", st)
		}
	})
}

// FuzzMethodRecord holds that whatever loads can be sent safely, and survives being stored again.
func FuzzMethodRecord(f *testing.F) {
	f.Add([]byte(goldenKey))
	f.Add([]byte(goldenHeader))
	f.Add([]byte(`{"v":1,"service_uuid":"u","host":"h","port":1,"type":"headers","headers":{"TE":"x"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := decodeMethod("id", data)
		if err != nil {
			return
		}
		b, err := encodeMethod(m)
		if err != nil {
			return // a year that cannot be written
		}
		again, err := decodeMethod("id", b)
		if err != nil || m.Host != again.Host || m.Port != again.Port || !m.AccessKey.Equal(again.AccessKey) || len(m.Headers) != len(again.Headers) {
			t.Fatalf("%s decoded to %+v, then %+v, %v", data, m, again, err)
		}
		r, err := http.NewRequest(http.MethodGet, "https://h/p?a=1", nil)
		if err != nil {
			t.Fatal(err)
		}
		m.attach(r, new(typeDefaults).of(m))
		if len(r.Header) == 0 && r.URL.RawQuery == "a=1" {
			t.Fatal("nothing was attached")
		}
		for name, values := range r.Header {
			if headerNameFault(name) != "" || len(values) != 1 || strings.ContainsAny(values[0], "\r\n\x00") {
				t.Fatalf("unsafe header %q: %q", name, values)
			}
		}
	})
}
