package authmethods

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/authgate/authgate/store"
)

const (
	// cascadeBatch is how many records go in one transaction, within etcd's 128 operations: a binding takes
	// six with the note on it, a method three, and the service type its own in the last one (up to maxHosts+2).
	cascadeBatch = 20
	sweepTimeout = 10 * time.Second
)

// DeleteServiceType deletes a service type that is at a revision match allows: first its bindings, then
// its auth methods, itself in the last of the transactions. If it fails on the way it can be repeated. It
// also deletes one that cannot be read. Once the service type is gone it has succeeded, whatever is left
// below: that is inactive for good, and removed with the next service type.
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
			if err := s.sweep(ctx); err != nil {
				s.log.Warn("something may be left below a deleted service type; it is inactive, and removed with the next one",
					zap.String("service_type", name), zap.String("uuid", st.ID), zap.Error(err))
			}
			return st, nil
		}
		if !retry(ctx, attempt, err) {
			return st, storeError(op, err)
		}
	}
}

func (s *Service) cascade(ctx context.Context, st store.Item[*ServiceType]) (int64, error) {
	unchanged := func(tx *store.Tx) { s.rec.types.RequireIn(tx, st) }
	bindings, err := s.bindingsBelow(ctx, st)
	if err != nil {
		return 0, err
	}
	if err := s.deleteBindings(ctx, bindings, unchanged); err != nil {
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

// sweep deletes what is below service types that are gone: what was written between cascade's looks and
// its last transaction, and what earlier sweeps have left. Nothing can follow, since writing below a
// service type requires it. The caller's leaving must not stop this.
func (s *Service) sweep(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sweepTimeout)
	defer cancel()
	for attempt := 0; ; attempt++ {
		err := s.deleteOrphans(ctx)
		if err == nil || !retry(ctx, attempt, err) {
			return err
		}
	}
}

func (s *Service) deleteOrphans(ctx context.Context) error {
	bindings, err := s.rec.bindings.List(ctx)
	if err != nil {
		return err
	}
	methods, err := s.rec.methods.List(ctx)
	if err != nil {
		return err
	}
	// Looked at last: the service type of whatever was found above had been written before it.
	types, err := s.rec.types.List(ctx)
	if err != nil {
		return err
	}
	known := make(map[string]bool, len(types))
	for _, st := range types {
		known[st.ID] = true
	}
	bindings = slices.DeleteFunc(bindings, func(b store.Item[*Binding]) bool { return b.Err != nil || !orphaned(known, b.Value.ServiceUUID) })
	methods = slices.DeleteFunc(methods, func(m store.Item[*Method]) bool { return m.Err != nil || !orphaned(known, m.Value.ServiceUUID) })
	if err := s.deleteBindings(ctx, bindings, func(*store.Tx) {}); err != nil {
		return err
	}
	for ; len(methods) > 0; methods = methods[min(cascadeBatch, len(methods)):] {
		tx := store.NewTx()
		deleteIn(tx, s.rec.methods, methods[:min(cascadeBatch, len(methods))])
		if _, err := s.rec.commit(ctx, tx); err != nil {
			return err
		}
	}
	return nil
}

// orphaned reports whether a service type is gone for good. The ids of declared ones are made from their
// names: one may be missing from this replica's file and stand in another's, or in the next.
func orphaned(known map[string]bool, serviceUUID string) bool {
	id, err := uuid.Parse(serviceUUID)
	return err == nil && id.Version() == 4 && !known[serviceUUID]
}

func deleteIn[T any](tx *store.Tx, c *store.Collection[T], items []store.Item[T]) {
	for _, item := range items {
		c.DeleteIn(tx, item)
	}
}

// deleteBindings deletes bindings in transactions that guard adds conditions to.
func (s *Service) deleteBindings(ctx context.Context, items []store.Item[*Binding], guard func(*store.Tx)) error {
	for ; len(items) > 0; items = items[min(cascadeBatch, len(items)):] {
		tx := store.NewTx()
		guard(tx)
		if _, err := s.rec.deleteBindings(ctx, tx, items[:min(cascadeBatch, len(items))]); err != nil {
			return err
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
