package audit

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/authgate/authgate/internal/strictjson"
)

const (
	root          = "audit/"
	recordVersion = 1
)

var errRecord = errors.New("audit record cannot be read")

// record is an entry as it is stored.
type record struct {
	V          int       `json:"v"`
	Time       time.Time `json:"time"`
	Caller     string    `json:"caller,omitempty"`
	Remote     string    `json:"remote,omitempty"`
	Verb       string    `json:"verb"`
	Kind       string    `json:"kind"`
	ID         string    `json:"id,omitempty"`
	Name       string    `json:"name,omitempty"`
	Revision   int64     `json:"revision,omitempty"`
	Outcome    string    `json:"outcome"`
	Status     int       `json:"status"`
	Duration   int64     `json:"duration_ns,omitempty"`
	Suppressed int       `json:"suppressed,omitempty"`
}

func (c class) prefix() string { return root + c.name() + "/" }

// newKey returns a key for an entry of time t: keys of one class sort by time, and the random part keeps
// those of several replicas apart.
func (c class) newKey(t time.Time) string {
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails
	return c.prefix() + moment(t) + "-" + hex.EncodeToString(random[:])
}

// moment is t with as many digits as every other, so that texts sort as times do. Times that nanoseconds
// since 1970 cannot tell are the first or the last there is.
func moment(t time.Time) string {
	var ns int64
	switch {
	case t.Year() > 2261:
		ns = math.MaxInt64
	case t.Year() >= 1970:
		ns = t.UnixNano()
	}
	return fmt.Sprintf("%020d", max(ns, 0))
}

// id is the part of a key by which all classes sort in time.
func id(key string) string { return key[strings.LastIndexByte(key, '/')+1:] }

// encode cannot fail: a record is texts and numbers.
func encode(e Entry) []byte {
	b, _ := json.Marshal(record{
		V: recordVersion, Time: e.Time.UTC(), Caller: e.Caller, Remote: e.Remote, Verb: e.Verb, Kind: e.Kind, ID: e.ID, Name: e.Name,
		Revision: e.Revision, Outcome: e.Outcome, Status: e.Status, Duration: int64(e.Duration), Suppressed: e.Suppressed,
	})
	return b
}

// decode reads a record. Its errors hold nothing of the content.
func decode(value []byte) (Entry, error) {
	var r record
	if strictjson.Check(value, 1) != nil || json.Unmarshal(value, &r) != nil || r.V != recordVersion {
		return Entry{}, errRecord
	}
	return Entry{
		Time: r.Time, Caller: r.Caller, Remote: r.Remote, Verb: r.Verb, Kind: r.Kind, ID: r.ID, Name: r.Name, Revision: r.Revision,
		Outcome: r.Outcome, Status: r.Status, Duration: time.Duration(r.Duration), Suppressed: r.Suppressed,
	}.cleaned(), nil
}
