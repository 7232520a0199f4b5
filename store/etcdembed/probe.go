package etcdembed

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.uber.org/zap"
)

// probeLimit bounds the wait for another program's hold on the database.
const probeLimit = time.Second

// files are etcd's in a data directory.
type files struct{ dir, db, log string }

// probe finds out whether etcd can start on what is in dir. etcd itself would wait for ever for a database
// that another etcd holds, or for a leader if its first start was interrupted; and one that is damaged
// would end the whole process, from a goroutine where nobody can catch that.
func probe(dir string) error {
	f := files{dir: dir, db: filepath.Join(dir, "member", "snap", "db"), log: filepath.Join(dir, "member", "wal")}
	records, applied, err := f.readDatabase()
	if err != nil {
		return err
	}
	if !wal.Exist(f.log) {
		if records > 0 {
			return fmt.Errorf("the write-ahead log in %s is missing", dir)
		}
		return f.startOver()
	}
	last, err := f.readLog()
	switch {
	case err != nil:
		return nil // etcd repairs it, or says what is wrong with it
	case last == 0 && records == 0:
		return f.startOver()
	case last < applied:
		// etcd would neither refuse it nor get ready, and ignore what is written until the log has caught up.
		return fmt.Errorf("the write-ahead log in %s is damaged: it ends at entry %d, the database has applied %d", dir, last, applied)
	}
	return nil
}

// startOver removes what a process leaves that is killed during its very first start, when nothing can
// have been written yet. The log goes first: without it the rest is recognized again.
func (f files) startOver() error {
	if err := errors.Join(os.RemoveAll(f.log), os.RemoveAll(f.db)); err != nil {
		return fmt.Errorf("removing what an interrupted first start has left: %w", err)
	}
	return nil
}

// readDatabase visits all pages of the database, counts etcd's records and reads which entry of the log
// was applied last. A database that is absent or was never begun has none of that.
func (f files) readDatabase() (records int, applied uint64, err error) {
	info, err := os.Stat(f.db)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, 0, nil
	}
	if err != nil || info.Size() == 0 {
		return 0, 0, err
	}
	db, err := bolt.Open(f.db, 0o600, &bolt.Options{ReadOnly: true, Timeout: probeLimit})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return 0, 0, fmt.Errorf("%w: %s", ErrInUse, f.dir)
	}
	if err != nil {
		return 0, 0, fmt.Errorf("opening the database in %s: %w", f.dir, err)
	}
	err = db.View(func(tx *bolt.Tx) (err error) {
		records, applied, err = walk(tx, info.Size())
		return err
	})
	if err = errors.Join(err, db.Close()); err != nil {
		return 0, 0, fmt.Errorf("the database in %s is damaged: %w", f.dir, err)
	}
	return records, applied, nil
}

// walk panics nowhere. Of a file that is too short the missing pages must not even be touched: that is a
// fault no program survives.
func walk(tx *bolt.Tx, size int64) (records int, applied uint64, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	if tx.Size() > size {
		return 0, 0, fmt.Errorf("it has %d bytes of %d", size, tx.Size())
	}
	err = tx.ForEach(func(name []byte, bucket *bolt.Bucket) error {
		return bucket.ForEach(func(key, value []byte) error {
			switch {
			case string(name) == "key":
				records++
			case string(name) == "meta" && string(key) == "consistent_index" && len(value) == 8:
				applied = binary.BigEndian.Uint64(value)
			}
			return nil
		})
	})
	return records, applied, err
}

// readLog returns the number of the log's last entry, 0 if it has none.
func (f files) readLog() (last uint64, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	silent := zap.NewNop()
	snapshots, err := wal.ValidSnapshotEntries(silent, f.log)
	if err != nil {
		return 0, err
	}
	from := &walpb.Snapshot{}
	if len(snapshots) > 0 {
		from = snapshots[len(snapshots)-1]
	}
	log, err := wal.OpenForRead(silent, f.log, from)
	if err != nil {
		return 0, err
	}
	_, _, entries, err := log.ReadAll()
	_ = log.Close()                                         // a log opened for reading lacks what Close closes
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) { // the last entry was written by half: it is none
		return 0, err
	}
	last = from.GetIndex()
	if n := len(entries); n > 0 {
		last = entries[n-1].GetIndex()
	}
	return last, nil
}
