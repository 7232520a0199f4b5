package store_test

import (
	"testing"

	"github.com/authgate/authgate/store"
	"github.com/authgate/authgate/store/storetest"
)

func TestMemoryConforms(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(*testing.T) (store.Store, func(int64)) {
		m := store.NewMemory()
		return m, m.Compact
	})
}
