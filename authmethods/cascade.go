package authmethods

import (
	"context"
	"errors"
	"time"

	"github.com/authgate/authgate/store"
)

const (
	// cascadeBatch is how many methods go in one transaction: three operations each, and the service
	// type's own in the last one (up to maxHosts+2), within etcd's 128.
	cascadeBatch = 20
	sweepTimeout = 10 * time.Second
)

// DeleteServiceType deletes a service type, its auth methods first, the service type in the last of the
// transactions. If it fails on the way it can be repeated. It also deletes one that cannot be read.
func (s *Service) DeleteServiceType(ctx context.Context, name string) (store.Item[*ServiceType], error) {
	const op = "deleting service type"
	for attempt := 0; ; attempt++ {
		st, err := s.lookupType(ctx, name)
		if err != nil {
			return st, err
		}
		if st.Err == nil && st.Value.Origin != "" {
			return st, readOnly(resServiceType, name, st.Value.Origin)
		}
		revision, err := s.cascade(ctx, st)
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
	below, err := s.methodsOf(ctx, st)
	if err != nil {
		return 0, err
	}
	for ; len(below) > cascadeBatch; below = below[cascadeBatch:] {
		tx := store.NewTx()
		s.rec.types.RequireIn(tx, st)
		s.deleteMethods(tx, below[:cascadeBatch])
		if _, err := s.rec.commit(ctx, tx); err != nil {
			return 0, err
		}
	}
	tx := store.NewTx()
	s.rec.types.DeleteIn(tx, st)
	s.deleteMethods(tx, below)
	return s.rec.commit(ctx, tx)
}

// sweep deletes methods that were written between cascade's look and its last transaction. Once the
// service type is gone none can follow: writing one requires it. The caller's leaving must not stop this.
func (s *Service) sweep(ctx context.Context, st store.Item[*ServiceType]) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sweepTimeout)
	defer cancel()
	for attempt := 0; ; attempt++ {
		below, err := s.methodsOf(ctx, st)
		for ; err == nil && len(below) > 0; below = below[min(cascadeBatch, len(below)):] {
			tx := store.NewTx()
			s.deleteMethods(tx, below[:min(cascadeBatch, len(below))])
			_, err = s.rec.commit(ctx, tx)
		}
		if err == nil {
			return nil
		}
		if !retry(ctx, attempt, err) {
			return storeError("deleting the auth methods of a deleted service type", err)
		}
	}
}

func (s *Service) deleteMethods(tx *store.Tx, items []store.Item[*Method]) {
	for _, item := range items {
		s.rec.methods.DeleteIn(tx, item)
	}
}

// methodsOf returns the stored methods below st, past the cache. One that cannot be read does not tell
// its service type; it is found by the service type's hosts.
func (s *Service) methodsOf(ctx context.Context, st store.Item[*ServiceType]) ([]store.Item[*Method], error) {
	all, err := s.rec.methods.List(ctx)
	if err != nil {
		return nil, err
	}
	broken := map[string]store.Item[*Method]{}
	var below []store.Item[*Method]
	for _, item := range all {
		switch {
		case item.Err != nil:
			broken[item.ID] = item
		case item.Value.ServiceUUID == st.ID:
			below = append(below, item)
		}
	}
	if len(broken) == 0 || st.Err != nil {
		return below, nil
	}
	for _, host := range st.Value.Hosts {
		item, err := s.rec.methods.By(ctx, byPair, pairKey(st.ID, host))
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if fresh, ok := broken[item.ID]; ok {
			below = append(below, fresh)
			delete(broken, item.ID)
		}
	}
	return below, nil
}
