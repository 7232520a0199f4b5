package store

import (
	"errors"
	"strings"

	"github.com/authgate/authgate/internal/fault"
)

// maxKey bounds a key. etcd itself has no limit but that of a request.
const maxKey = 8 << 10

var errKey = errors.New("malformed key")

// checkKey refuses keys that are not plain paths below the store's prefix (specs A5): empty, with an
// empty, "." or ".." segment, or with anything but printable ASCII.
func checkKey(key string) error {
	if key == "" || len(key) > maxKey {
		return errKey
	}
	for i := range len(key) {
		if key[i] <= ' ' || key[i] > '~' {
			return errKey
		}
	}
	for segment := range strings.SplitSeq(key, "/") {
		if segment == "" || segment == "." || segment == ".." {
			return errKey
		}
	}
	return nil
}

// checkPrefix accepts what ends on a whole segment: "" or a key followed by "/". A prefix that ended
// within a segment would reach into a neighbour's keys (specs P11).
func checkPrefix(prefix string) error {
	if prefix == "" {
		return nil
	}
	dir, found := strings.CutSuffix(prefix, "/")
	if !found {
		return errKey
	}
	return checkKey(dir)
}

// checkTxn refuses malformed keys and changes that name one key twice, which have no defined order.
func checkTxn(conds []Cond, ops []Op) error {
	for _, c := range conds {
		if err := checkKey(c.Key); err != nil {
			return err
		}
	}
	seen := make(map[string]struct{}, len(ops))
	for _, o := range ops {
		if err := checkKey(o.Key); err != nil {
			return err
		}
		if _, twice := seen[o.Key]; twice {
			return errors.New("two changes of one key")
		}
		seen[o.Key] = struct{}{}
	}
	return nil
}

func invalid(op string, err error) error {
	return &fault.Error{Kind: fault.Invalid, Op: op, Err: err}
}
