package authmethods

import (
	"context"
	"strconv"

	"github.com/authgate/authgate/store"
)

// The names of the indexes of the two collections.
const (
	byName   = "name"         // service types: the name
	byHost   = "host"         // service types: each normal host
	byPair   = "service-host" // methods: service uuid and host, byte for byte
	byTarget = "target"       // methods: normal host and port
)

// Records are the stored service types and auth methods of one store. They are made once per store and
// shared by all configurations over it, so that caches stay warm across reloads.
type Records struct {
	store   store.Store
	feed    *store.Feed
	types   *store.Collection[*ServiceType]
	methods *store.Collection[*Method]
}

// NewRecords returns the Records in s, kept true by f, each collection caching up to entries records.
func NewRecords(s store.Store, f *store.Feed, entries int) *Records {
	return &Records{
		store: s, feed: f,
		types: store.NewCollection(s, f, store.Schema[*ServiceType]{
			Name: "service-types", Encode: encodeServiceType, Decode: decodeServiceType, Entries: entries,
			Unique: map[string]func(*ServiceType) []string{byName: func(st *ServiceType) []string { return []string{st.Name} }},
			Lookup: map[string]func(*ServiceType) []string{byHost: (*ServiceType).normalHosts},
		}),
		methods: store.NewCollection(s, f, store.Schema[*Method]{
			Name: "auth-methods", Encode: encodeMethod, Decode: decodeMethod, Entries: entries,
			Unique: map[string]func(*Method) []string{byPair: func(m *Method) []string { return []string{pairKey(m.ServiceUUID, m.Host)} }},
			Lookup: map[string]func(*Method) []string{byTarget: (*Method).targets},
		}),
	}
}

// Stats returns the counters of each collection's cache, by the collection's name.
func (r *Records) Stats() map[string]store.Stats {
	return map[string]store.Stats{r.types.Name(): r.types.Stats(), r.methods.Name(): r.methods.Stats()}
}

// pairKey joins a service type's uuid and a host, with the first one's length in front: no two pairs
// may share a key (specs C3).
func pairKey(service, host string) string {
	return strconv.Itoa(len(service)) + ":" + service + host
}

// targetKey joins a port and a normal host. The port comes first: it is all digits, a host may hold
// anything (C3).
func targetKey(host string, port int) string {
	var buf [64]byte
	return string(append(append(strconv.AppendInt(buf[:0], int64(port), 10), ':'), host...))
}

func (m *Method) targets() []string {
	if host := normalHost(m.Host); host != "" {
		return []string{targetKey(host, m.Port)}
	}
	return nil
}

func (st *ServiceType) normalHosts() []string {
	hosts := make([]string, 0, len(st.spellings))
	for h := range st.spellings {
		hosts = append(hosts, h)
	}
	return hosts
}

// commit applies tx.
func (r *Records) commit(ctx context.Context, tx *store.Tx) (int64, error) {
	return store.Commit(ctx, r.store, r.feed, tx)
}
