package etcdembed_test

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/authgate/authgate/store"
	"github.com/authgate/authgate/store/etcdembed"
	"github.com/authgate/authgate/store/storetest"
)

func TestEmbeddedConforms(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) (store.Store, func(int64)) {
		client, err := shared.Client(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return shared.Store(freshPrefix()), func(revision int64) {
			if _, err := client.Compact(t.Context(), revision, clientv3.WithCompactPhysical()); err != nil {
				t.Errorf("compacting: %v", err)
			}
		}
	})
}

var (
	shared   *etcdembed.Server
	prefixes atomic.Int64
)

func freshPrefix() string { return fmt.Sprintf("/test-%d/", prefixes.Add(1)) }

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "etcdembed")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	began := time.Now()
	if shared, err = etcdembed.Start(etcdembed.Config{Dir: dir}); err != nil {
		panic(err)
	}
	<-shared.Ready()
	fmt.Println("ready after", time.Since(began))
	defer shared.Close()
	_ = context.Background
	return m.Run()
}
