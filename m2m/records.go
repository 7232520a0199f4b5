package m2m

import (
	"context"
	"fmt"

	"github.com/authgate/authgate/store"
)

// The names of the collection's indexes.
const (
	byIssuer = "issuer" // the folded issuer: X9
	byRole   = "role"   // each role a mapping names
)

// Records are the stored configs of one store. They are made once per store and shared by all
// configurations over it, so that caches stay warm across reloads.
type Records struct {
	store   store.Store
	feed    *store.Feed
	configs *store.Collection[*Config]
}

// NewRecords returns the Records in s, kept true by f, caching up to entries configs.
func NewRecords(s store.Store, f *store.Feed, entries int) *Records {
	return &Records{
		store: s, feed: f,
		configs: store.NewCollection(s, f, store.Schema[*Config]{
			Name: "m2m-configs", Encode: encodeConfig, Decode: decodeConfig, Entries: entries,
			Unique: map[string]func(*Config) []string{byIssuer: func(c *Config) []string { return []string{foldIssuer(c.Issuer)} }},
			Lookup: map[string]func(*Config) []string{byRole: (*Config).RoleNames},
		}),
	}
}

// Stats returns the counters of each collection's cache, by the collection's name.
func (r *Records) Stats() map[string]store.Stats {
	return map[string]store.Stats{r.configs.Name(): r.configs.Stats()}
}

// InUse names a stored config that gives the role, or returns "": the InUse of roles.Deps.
func (r *Records) InUse(ctx context.Context, role string) (string, error) {
	found, err := r.configs.Find(ctx, byRole, role)
	if err != nil || len(found) == 0 {
		return "", err
	}
	return fmt.Sprintf("auth machine to machine config %q", found[0].ID), nil
}
