package store

import (
	"bytes"
	"encoding/json"
	"errors"
)

// header is the first line of a stored record. It names the record's index entries, so that they can be
// removed with the record by a program that computes others, or that cannot decode the data.
type header struct {
	Version int      `json:"v"`
	Entries []string `json:"entries,omitempty"` // keys, without the collection's name
}

const headerVersion = 1

var errHeader = errors.New("malformed record header")

func appendHeader(entries []string, data []byte) ([]byte, error) {
	line, err := json.Marshal(header{Version: headerVersion, Entries: entries})
	if err != nil {
		return nil, err
	}
	record := make([]byte, 0, len(line)+1+len(data))
	record = append(record, line...)
	record = append(record, '\n')
	return append(record, data...), nil
}

func parseHeader(record []byte) (header, []byte, error) {
	line, data, found := bytes.Cut(record, []byte{'\n'})
	var h header
	if !found || json.Unmarshal(line, &h) != nil || h.Version != headerVersion {
		return header{}, nil, errHeader
	}
	for _, e := range h.Entries {
		if len(e) < 2 || e[1] != '/' || e[0] != 'u' && e[0] != 'l' || checkKey(e) != nil {
			return header{}, nil, errHeader
		}
	}
	return h, data, nil
}
