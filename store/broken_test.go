package store_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/authgate/authgate/internal/fault"
	"github.com/authgate/authgate/store"
)

// spoil overwrites a record's stored bytes.
func spoil(t *testing.T, m *store.Memory, id, record string) {
	t.Helper()
	if _, err := m.Txn(t.Context(), nil, []store.Op{{Key: "things/r/" + id, Value: []byte(record)}}); err != nil {
		t.Fatal(err)
	}
}

// D5: a record that cannot be decoded is of no use, and says so however it is read; all others work. It
// can be replaced and removed, and takes no name to its grave.
func TestD5_BrokenRecord(t *testing.T) {
	t.Parallel()
	for name, record := range map[string]string{
		"data":            `{"v":1,"entries":["l/tag/t/x","u/name/n"]}` + "\n" + `{"n":`,
		"panic":           `{"v":1,"entries":["l/tag/t/x","u/name/n"]}` + "\npanic",
		"header":          `{"v":1,"entries":[` + "\n" + `{"n":1}`,
		"no header":       `{"n":1}`,
		"empty":           "",
		"version":         `{"v":2}` + "\n" + `{"n":1}`,
		"climbing header": `{"v":1,"entries":["u/../../other/r/y"]}` + "\n{}",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := memory(t)
			schema := thingSchema()
			decode := schema.Decode
			schema.Decode = func(id string, data []byte) (*thing, error) {
				if string(data) == "panic" {
					panic("secret")
				}
				return decode(id, data)
			}
			r := newReplica(t.Context(), m, store.FeedConfig{}, schema)
			t.Cleanup(r.stop)
			<-r.feed.Ready()
			r.mustCreate(t, "x", &thing{Name: "n", Tags: []string{"t"}, N: 1})
			r.mustCreate(t, "y", &thing{Name: "m", Tags: []string{"t"}, N: 2})
			spoil(t, m, "x", record)
			if err := r.feed.Wait(t.Context(), m.Revision()); err != nil {
				t.Fatal(err)
			}
			broken := func(what string, item store.Item[*thing], err error) {
				t.Helper()
				if err != nil || item.ID != "x" || item.Err == nil || item.Value != nil || item.Revision == 0 {
					t.Errorf("%s = %+v, %v; want a broken record", what, item, err)
				} else if !fault.Is(item.Err, fault.Internal) || strings.Contains(item.Err.Error(), "secret") {
					t.Errorf("%s: %v", what, item.Err)
				}
			}
			for range 2 {
				item, err := r.things.Get(t.Context(), "x")
				broken("Get", item, err)
				item, err = r.things.By(t.Context(), "name", "n")
				broken("By", item, err)
				for what, list := range map[string]func() ([]store.Item[*thing], error){
					"List": func() ([]store.Item[*thing], error) { return r.things.List(t.Context()) },
					"Find": func() ([]store.Item[*thing], error) { return r.things.Find(t.Context(), "tag", "t") },
				} {
					items, err := list()
					if err != nil || !slices.Equal(idsOf(items), []string{"x", "y"}) || items[1].Value.N != 2 {
						t.Fatalf("%s = %v, %v; want both records", what, items, err)
					}
					broken(what, items[0], nil)
				}
				if r.mustGet(t, "y").Value.N != 2 {
					t.Error("the other record is not what it was")
				}
			}
			if _, err := r.things.Update(t.Context(), "x", func(i store.Item[*thing]) (*thing, error) {
				broken("Update", i, nil)
				return &thing{Name: "new", Tags: []string{"u"}, N: 3}, nil
			}); err != nil {
				t.Fatalf("replacing it: %v", err)
			}
			r.mustCreate(t, "z", &thing{Name: "n"})
			if items, err := r.things.Find(t.Context(), "tag", "t"); err != nil || !slices.Equal(idsOf(items), []string{"y"}) {
				t.Errorf("Find after replacing it = %v, %v", items, err)
			}
			spoil(t, m, "x", strings.NewReplacer("tag/t/", "tag/u/", "name/n", "name/new").Replace(record))
			if err := r.things.Delete(t.Context(), "x", 0); err != nil {
				t.Fatalf("removing it: %v", err)
			}
			kvs, _, _ := m.List(t.Context(), "")
			for _, kv := range kvs {
				if strings.HasSuffix(kv.Key, "/x") || string(kv.Value) == "x" {
					t.Errorf("%q is left of it", kv.Key)
				}
			}
		})
	}
}

// What could not be read back is not written.
func TestUnreadableIsNotWritten(t *testing.T) {
	t.Parallel()
	m := memory(t)
	schema := thingSchema()
	schema.Encode = func(v *thing) ([]byte, error) {
		if v.N < 0 {
			return nil, errBroken
		}
		return json.Marshal(fmt.Sprint(v))
	}
	r := newReplica(t.Context(), m, store.FeedConfig{}, schema)
	t.Cleanup(r.stop)
	for _, n := range []int{-1, 1} {
		if _, err := r.things.Create(t.Context(), "x", &thing{N: n}); !errors.Is(err, errBroken) || !fault.Is(err, fault.Internal) {
			t.Errorf("Create(%d): %v", n, err)
		}
	}
	if kvs, _, _ := m.List(t.Context(), ""); len(kvs) != 0 {
		t.Errorf("in the store: %v", kvs)
	}
}
