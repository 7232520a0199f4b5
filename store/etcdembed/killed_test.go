package etcdembed_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.uber.org/zap"

	"github.com/authgate/authgate/store"
	"github.com/authgate/authgate/store/etcdembed"
)

// These have the test binary use a directory in a process of its own, which can be killed.
const (
	writtenDir = "AUTHGATE_TEST_WRITTEN_DIR" // write until killed, and say what has been written
	judgedDir  = "AUTHGATE_TEST_JUDGED_DIR"  // say what is there, and whether writing works
)

// child starts this program again for one of these.
func child(t *testing.T, duty, dir string) (*exec.Cmd, io.ReadCloser) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), duty+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, out
}

// write counts in two records at once, and says each number that the store has acknowledged.
func write(dir string) error {
	fmt.Println("starting")
	s, err := etcdembed.Start(etcdembed.Config{Dir: dir})
	if err != nil {
		return err
	}
	st := s.Store("/authgate/")
	ctx := context.Background()
	<-s.Ready()
	for n := 1; ; n++ {
		value := []byte(strconv.Itoa(n) + strings.Repeat(" ", 500))
		if _, err := st.Txn(ctx, nil, []store.Op{{Key: "a", Value: value}, {Key: "b", Value: value}}); err != nil {
			return err
		}
		fmt.Println(n)
	}
}

// killAfter runs a writer, kills it when it has said so many numbers, and returns the last one.
func killAfter(t *testing.T, dir string, numbers int) int {
	t.Helper()
	cmd, out := child(t, writtenDir, dir)
	last := 0
	lines := bufio.NewScanner(out)
	for seen := -1; lines.Scan(); {
		last, _ = strconv.Atoi(lines.Text())
		if seen++; seen == numbers {
			_ = cmd.Process.Kill() // and read on: what it has said by then counts
		}
	}
	if err := cmd.Wait(); err == nil || last < numbers {
		t.Fatalf("the writer ended with %v after %d numbers", err, last)
	}
	return last
}

// verdict is what a judge finds.
type verdict struct {
	Refused string // why the directory cannot be used
	A, B    string // what is in the two records
	Wrote   bool   // a write was acknowledged, and is there, also after a restart
}

func judge(dir string) error {
	v, err := look(dir)
	if err != nil {
		return err
	}
	text, err := json.Marshal(v)
	fmt.Println(string(text))
	return err
}

func look(dir string) (verdict, error) {
	var v verdict
	s, err := etcdembed.Start(etcdembed.Config{Dir: dir})
	if err != nil {
		return verdict{Refused: err.Error()}, nil
	}
	st := s.Store("/authgate/")
	ctx := context.Background()
	refused := func(err error) (verdict, error) {
		if errors.Is(err, store.ErrUnavailable) && s.Err() != nil {
			return verdict{Refused: s.Err().Error()}, nil
		}
		return verdict{}, err
	}
	for key, found := range map[string]*string{"a": &v.A, "b": &v.B} {
		kv, _, err := st.Get(ctx, key)
		if err != nil {
			return refused(err)
		}
		*found = strings.TrimSpace(string(kv.Value))
	}
	// etcd may have to count up to where it had been before it applies anything.
	for range 10 {
		if _, err = st.Txn(ctx, nil, []store.Op{{Key: "c", Value: []byte("written")}}); err == nil {
			break
		}
	}
	if err != nil {
		return refused(err)
	}
	for range 2 {
		if kv, _, err := st.Get(ctx, "c"); err != nil || string(kv.Value) != "written" {
			return verdict{}, fmt.Errorf("an acknowledged write reads %q, %w", kv.Value, err)
		}
		if err := s.Close(); err != nil {
			return verdict{}, err
		}
		if s, err = etcdembed.Start(etcdembed.Config{Dir: dir}); err != nil {
			return verdict{}, err
		}
		st = s.Store("/authgate/")
	}
	v.Wrote = true
	return v, s.Close()
}

func judged(t *testing.T, dir string) verdict {
	t.Helper()
	cmd, out := child(t, judgedDir, dir)
	text, err := io.ReadAll(out)
	if err = errors.Join(err, cmd.Wait()); err != nil {
		t.Fatalf("the judge ended with %v: %s", err, text)
	}
	var v verdict
	if err := json.Unmarshal([]byte(lastLine(text)), &v); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	t.Logf("%+v", v)
	return v
}

func lastLine(text []byte) string {
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return lines[len(lines)-1]
}

// A process killed with SIGKILL, again and again on one directory: each acknowledged write is there
// afterwards, and no transaction is there by half.
func TestKilled(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	for _, numbers := range []int{1, 30, 2, 100} {
		last := killAfter(t, dir, numbers)
		v := judged(t, dir)
		if n, _ := strconv.Atoi(v.A); n < last || n > last+1 || v.B != v.A || !v.Wrote {
			t.Errorf("killed after %d was acknowledged: %+v", last, v)
		}
	}
}

// A process killed during its very first start leaves nothing that a later one cannot start on.
func TestKilledAtFirstStart(t *testing.T) {
	t.Parallel()
	t.Run("at any time", func(t *testing.T) {
		t.Parallel()
		dir := filepath.Join(t.TempDir(), "data")
		for after := time.Duration(0); after < 60*time.Millisecond; after += 3 * time.Millisecond {
			cmd, out := child(t, writtenDir, dir)
			said := bufio.NewReader(out)
			if _, err := said.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
			<-time.After(after)
			_ = cmd.Process.Kill()
			text, _ := io.ReadAll(said)
			if _ = cmd.Wait(); cmd.ProcessState.Exited() {
				t.Fatalf("it ended by itself: %s", text)
			}
		}
		if v := judged(t, dir); !v.Wrote || v.A != v.B {
			t.Errorf("%+v, want it to start", v)
		}
	})
	for name, leave := range map[string]func(file string) error{
		"before the database's first page": func(file string) error { return os.WriteFile(file, nil, 0o600) },
		"before the log": func(file string) error {
			db, err := bolt.Open(file, 0o600, nil)
			if err != nil {
				return err
			}
			return errors.Join(db.Update(func(tx *bolt.Tx) error {
				_, err := tx.CreateBucket([]byte("meta"))
				return err
			}), db.Close())
		},
		"before the log's first entry": func(file string) error {
			log, err := wal.Create(zap.NewNop(), filepath.Join(filepath.Dir(filepath.Dir(file)), "wal"), nil)
			if err != nil {
				return err
			}
			return errors.Join(log.Close(), os.WriteFile(file, nil, 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "data")
			snap := filepath.Join(dir, "member", "snap")
			if err := errors.Join(os.MkdirAll(snap, 0o700), leave(filepath.Join(snap, "db"))); err != nil {
				t.Fatal(err)
			}
			if v := judged(t, dir); !v.Wrote {
				t.Errorf("%+v, want it to start", v)
			}
		})
	}
}

// Files are torn as by a disk that lost its last writes. The store either starts, with what was there at
// some time and nothing by half, or says why it does not; what it acknowledges then is kept.
func TestTornFiles(t *testing.T) {
	t.Parallel()
	made := filepath.Join(t.TempDir(), "data")
	last := killAfter(t, made, 300)
	log, db := filepath.Join("member", "wal"), filepath.Join("member", "snap", "db")
	for name, tear := range map[string]func(t *testing.T, dir string){
		"nothing":                   func(*testing.T, string) {},
		"log cut in a record":       func(t *testing.T, dir string) { cut(t, lastFile(t, filepath.Join(dir, log)), 700) },
		"log cut by a few records":  func(t *testing.T, dir string) { cut(t, lastFile(t, filepath.Join(dir, log)), 5000) },
		"log cut to half":           func(t *testing.T, dir string) { cut(t, lastFile(t, filepath.Join(dir, log)), 200_000) },
		"log's last page zeroed":    func(t *testing.T, dir string) { zero(t, lastFile(t, filepath.Join(dir, log)), 1) },
		"log's 20 last pages":       func(t *testing.T, dir string) { zero(t, lastFile(t, filepath.Join(dir, log)), 20) },
		"database cut by a page":    func(t *testing.T, dir string) { cut(t, filepath.Join(dir, db), 4096) },
		"database cut to half":      func(t *testing.T, dir string) { halve(t, filepath.Join(dir, db)) },
		"database's last page":      func(t *testing.T, dir string) { zero(t, filepath.Join(dir, db), 1) },
		"database's ten last pages": func(t *testing.T, dir string) { zero(t, filepath.Join(dir, db), 10) },
		"database's first page":     func(t *testing.T, dir string) { zeroAt(t, filepath.Join(dir, db), 0, 1) },
		"database's two metas":      func(t *testing.T, dir string) { zeroAt(t, filepath.Join(dir, db), 0, 2) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "data")
			if err := os.CopyFS(dir, os.DirFS(made)); err != nil {
				t.Fatal(err)
			}
			tear(t, dir)
			v := judged(t, dir)
			n, err := strconv.Atoi(v.A)
			switch {
			case v.Refused != "":
			case err != nil || n < 1 || n > last+1 || v.A != v.B || !v.Wrote:
				t.Errorf("it started with %+v, though 1 to %d were written", v, last)
			case name == "nothing" && n < last:
				t.Errorf("%d is there, %d was acknowledged", n, last)
			}
		})
	}
}

func lastFile(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.wal"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no log: %v", err)
	}
	return slices.Max(files)
}

// written is how much of a file is not the zeros it was prepared with.
func written(t *testing.T, file string) int64 {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	n := len(data)
	for n > 0 && data[n-1] == 0 {
		n--
	}
	return int64(n)
}

func cut(t *testing.T, file string, n int64) {
	t.Helper()
	if err := os.Truncate(file, max(0, written(t, file)-n)); err != nil {
		t.Fatal(err)
	}
}

func halve(t *testing.T, file string) { cut(t, file, written(t, file)/2) }

// zero overwrites the last pages that were written.
func zero(t *testing.T, file string, pages int64) {
	t.Helper()
	end := (written(t, file) + 4095) / 4096
	zeroAt(t, file, max(0, end-pages), pages)
}

func zeroAt(t *testing.T, file string, page, pages int64) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(make([]byte, pages*4096), page*4096); err != nil {
		t.Fatal(err)
	}
}
