package authmethods

import (
	"context"
	"errors"
	"time"

	"github.com/authgate/authgate/store"
)

const (
	// cascadeBatch is how many records go in one transaction, within etcd's 128 operations: a binding takes
	// five, a method three, and the service type its own in the last one (up to maxHosts+2).
	cascadeBatch = 20
	sweepTimeout = 10 * time.Second
)

// DeleteServiceType deletes a service type that is at a revision match allows: first its bindings, then
// its auth methods, itself in the last of the transactions. If it fails on the way it can be repeated. It
// also deletes one that cannot be read.
func (s *Service) DeleteServiceType(ctx context.Context, name string, match store.Match) (store.Item[*ServiceType], error) {
	const op = "deleting service type"
	for attempt := 0; ; attempt++ {
		st, err := s.lookupType(ctx, name)
		if err != nil {
			return st, err
		}
		if st.Err == nil && st.Value.Origin != "" {
			return st, readOnly(resServiceType, name, st.Value.Origin)
		}
		revision := int64(0)
		err = checkMatch(ctx, s.rec.types, st, match, resServiceType, name)
		if err == nil {
			revision, err = s.cascade(ctx, st)
		}
		if err == nil {
			st.Revision = revision
			return st, s.sweep(ctx, st)
		}
		if !retry(ctx, attempt, err) {
			return st, storeError(op, err)
		}
	}
}

func (s *Service) cascade(ctx context.Context, st store.Item[*ServiceType]) (int64, error) {
	unchanged := func(tx *store.Tx) { s.rec.types.RequireIn(tx, st) }
	if err := s.deleteBindingsOf(ctx, st, unchanged); err != nil {
		return 0, err
	}
	below, err := s.methodsOf(ctx, st)
	if err != nil {
		return 0, err
	}
	for ; len(below) > cascadeBatch; below = below[cascadeBatch:] {
		tx := store.NewTx()
		unchanged(tx)
		deleteIn(tx, s.rec.methods, below[:cascadeBatch])
		if _, err := s.rec.commit(ctx, tx); err != nil {
			return 0, err
		}
	}
	tx := store.NewTx()
	s.rec.types.DeleteIn(tx, st)
	deleteIn(tx, s.rec.methods, below)
	return s.rec.commit(ctx, tx)
}

// sweep deletes what was written between cascade's looks and its last transaction. Once the service type
// is gone nothing can follow: writing below it requires it. The caller's leaving must not stop this.
func (s *Service) sweep(ctx context.Context, st store.Item[*ServiceType]) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sweepTimeout)
	defer cancel()
	for attempt := 0; ; attempt++ {
		err := s.deleteBindingsOf(ctx, st, func(*store.Tx) {})
		var below []store.Item[*Method]
		if err == nil {
			below, err = s.methodsOf(ctx, st)
		}
		for ; err == nil && len(below) > 0; below = below[min(cascadeBatch, len(below)):] {
			tx := store.NewTx()
			deleteIn(tx, s.rec.methods, below[:min(cascadeBatch, len(below))])
			_, err = s.rec.commit(ctx, tx)
		}
		if err == nil {
			return nil
		}
		if !retry(ctx, attempt, err) {
			return storeError("deleting what is below a deleted service type", err)
		}
	}
}

func deleteIn[T any](tx *store.Tx, c *store.Collection[T], items []store.Item[T]) {
	for _, item := range items {
		c.DeleteIn(tx, item)
	}
}

// deleteBindingsOf deletes the bindings below st, in transactions that guard adds conditions to.
func (s *Service) deleteBindingsOf(ctx context.Context, st store.Item[*ServiceType], guard func(*store.Tx)) error {
	below, err := s.bindingsBelow(ctx, st)
	if err != nil {
		return err
	}
	for ; len(below) > 0; below = below[min(cascadeBatch, len(below)):] {
		batch := below[:min(cascadeBatch, len(below))]
		tx := store.NewTx()
		guard(tx)
		deleteIn(tx, s.rec.bindings, batch)
		if _, err := s.rec.commit(ctx, tx); err != nil {
			return err
		}
		for _, item := range batch {
			if err := s.forgetWithoutSAN(ctx, item.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

// methodsOf returns the stored methods below st, past the cache.
func (s *Service) methodsOf(ctx context.Context, st store.Item[*ServiceType]) ([]store.Item[*Method], error) {
	return below(ctx, s.rec.methods, st, func(m *Method) string { return m.ServiceUUID },
		func(host string) ([]store.Item[*Method], error) {
			item, err := s.rec.methods.By(ctx, byPair, pairKey(st.ID, host))
			if errors.Is(err, store.ErrNotFound) {
				return nil, nil
			}
			return []store.Item[*Method]{item}, err
		})
}

// bindingsBelow returns the bindings below st, past the cache.
func (s *Service) bindingsBelow(ctx context.Context, st store.Item[*ServiceType]) ([]store.Item[*Binding], error) {
	return below(ctx, s.rec.bindings, st, func(b *Binding) string { return b.ServiceUUID },
		func(host string) ([]store.Item[*Binding], error) {
			return s.rec.bindings.Find(ctx, byPlace, pairKey(st.ID, host))
		})
}

// below returns the records of c that belong to st. One that cannot be read does not tell its service
// type; it is found by the service type's hosts.
func below[T any](
	ctx context.Context, c *store.Collection[T], st store.Item[*ServiceType],
	owner func(T) string, at func(host string) ([]store.Item[T], error),
) ([]store.Item[T], error) {
	all, err := c.List(ctx)
	if err != nil {
		return nil, err
	}
	broken := map[string]store.Item[T]{}
	var found []store.Item[T]
	for _, item := range all {
		switch {
		case item.Err != nil:
			broken[item.ID] = item
		case owner(item.Value) == st.ID:
			found = append(found, item)
		}
	}
	if len(broken) == 0 || st.Err != nil {
		return found, nil
	}
	for _, host := range st.Value.Hosts {
		items, err := at(host)
		if err != nil {
			return nil, err
		}
		for _, item := range items {
			if fresh, ok := broken[item.ID]; ok {
				found = append(found, fresh)
				delete(broken, item.ID)
			}
		}
	}
	return found, nil
}
