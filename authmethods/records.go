package authmethods

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strconv"

	"github.com/authgate/authgate/store"
)

// The names of the collections' indexes.
const (
	byName   = "name"         // service types and bindings: the name
	byHost   = "host"         // service types: each normal host
	byPair   = "service-host" // methods: service uuid and host, byte for byte
	byTarget = "target"       // methods: normal host and port
	// Of a binding that could get two refusals, the identity's comes first (specs/auth-methods 2.3), since
	// transactions look at indexes in the order of their names.
	byIdentity   = "identity"   // bindings: service uuid, host, auth type and identifier
	byPlace      = "place"      // bindings: service uuid and host, byte for byte
	byIdentifier = "identifier" // bindings: auth type and identifier
)

// Records are the stored service types, auth methods and bindings of one store. They are made once per store and
// shared by all configurations over it, so that caches stay warm across reloads.
type Records struct {
	store    store.Store
	feed     *store.Feed
	types    *store.Collection[*ServiceType]
	methods  *store.Collection[*Method]
	bindings *store.Collection[*Binding]
	noSAN    *store.Collection[*withoutSAN]
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
		bindings: store.NewCollection(s, f, store.Schema[*Binding]{
			Name: "bindings", Encode: encodeBinding, Decode: decodeBinding, Entries: entries,
			Unique: map[string]func(*Binding) []string{
				byName: func(b *Binding) []string { return []string{b.Name} },
				byIdentity: func(b *Binding) []string {
					return []string{identityKey(b.ServiceUUID, b.Host, b.AuthType, b.AuthIdentifier)}
				},
			},
			Lookup: map[string]func(*Binding) []string{
				byPlace:      func(b *Binding) []string { return []string{pairKey(b.ServiceUUID, b.Host)} },
				byIdentifier: func(b *Binding) []string { return []string{identityKey(b.AuthType, b.AuthIdentifier)} },
			},
		}),
		noSAN: store.NewCollection(s, f, store.Schema[*withoutSAN]{
			Name: "bindings-without-san", Encode: encodeWithoutSAN, Decode: decodeWithoutSAN, Entries: entries,
		}),
	}
}

// Stats returns the counters of each collection's cache, by the collection's name.
func (r *Records) Stats() map[string]store.Stats {
	return map[string]store.Stats{
		r.types.Name(): r.types.Stats(), r.methods.Name(): r.methods.Stats(),
		r.bindings.Name(): r.bindings.Stats(), r.noSAN.Name(): r.noSAN.Stats(),
	}
}

// pairKey joins a service type's uuid and a host, with the first one's length in front: no two pairs
// may share a key (specs C3).
func pairKey(service, host string) string {
	return strconv.Itoa(len(service)) + ":" + service + host
}

// identityKey is a digest of parts, each with its length in front (C3). An identifier may be longer than
// an index takes, and is nothing to show in the keys of the store.
func identityKey(parts ...string) string {
	var buf [512]byte
	b := buf[:0]
	for _, p := range parts {
		b = binary.AppendUvarint(b, uint64(len(p)))
		b = append(b, p...)
	}
	sum := sha256.Sum256(b)
	var text [2 * sha256.Size]byte
	hex.Encode(text[:], sum[:])
	return string(text[:])
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
