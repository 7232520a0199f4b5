package store

import (
	"errors"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/authgate/authgate/internal/fault"
)

// classify turns an etcd error into the store's own. Whatever is not known to be the caller's doing is
// Unavailable, also a refusal of authgate's own etcd credential, which must never look like a refusal of
// the caller's, and a quota that is used up, with which reading and deleting go on.
func (s *etcdStore) classify(op string, err error) error {
	if s.base.Err() != nil {
		return closedError(op)
	}
	err = rpctypes.Error(err)
	switch {
	case errors.Is(err, rpctypes.ErrCompacted):
		return compactedError(op)
	case errors.Is(err, rpctypes.ErrRequestTooLarge), errors.Is(err, rpctypes.ErrTooManyOps):
		return &fault.Error{Kind: fault.TooLarge, Op: op, Err: err}
	case status.Code(err) == codes.ResourceExhausted: // the client's own limit of a message
		return &fault.Error{Kind: fault.TooLarge, Op: op, Err: err}
	}
	return unavailable(op, err)
}
