package origin_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/authgate/authgate/bench/origin"
)

func TestUpstreamTellsAttachedFromBare(t *testing.T) {
	t.Parallel()
	with := "GET / HTTP/1.1\r\nHost: u\r\nX-Api-Key: " + origin.Key + "\r\n\r\n"
	without := "GET / HTTP/1.1\r\nHost: u\r\n\r\n"
	for name, c := range map[string]struct {
		send string
		want []int
	}{
		"attached":             {with, []int{200}},
		"bare":                 {without, []int{502}},
		"three_in_one_segment": {with + without + with, []int{200, 502, 200}},
	} {
		for way, wrap := range map[string]func(net.Conn) io.Writer{
			"at_once":      func(c net.Conn) io.Writer { return c },
			"byte_by_byte": func(c net.Conn) io.Writer { return slow{c} },
		} {
			t.Run(name+"/"+way, func(t *testing.T) {
				t.Parallel()
				u, err := origin.ServeUpstream()
				if err != nil {
					t.Fatal(err)
				}
				defer u.Close()
				conn, err := net.Dial("tcp", u.Addr())
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = conn.Close() }()
				if _, err := io.WriteString(wrap(conn), c.send); err != nil {
					t.Fatal(err)
				}
				r := bufio.NewReader(conn)
				var counts origin.Counts
				for _, want := range c.want {
					resp, err := http.ReadResponse(r, nil)
					if err != nil {
						t.Fatal(err)
					}
					if _, err := io.Copy(io.Discard, resp.Body); err != nil {
						t.Fatal(err)
					}
					if resp.StatusCode != want {
						t.Fatalf("answered %d, want %d", resp.StatusCode, want)
					}
					if want == 200 {
						counts.Attached++
					} else {
						counts.Bare++
					}
				}
				counts.Conns = 1
				if got := u.Counts(); got != counts {
					t.Errorf("counted %+v, want %+v", got, counts)
				}
			})
		}
	}
}

// slow writes one byte at a time.
type slow struct{ w io.Writer }

func (s slow) Write(p []byte) (int, error) {
	for i := range p {
		if _, err := s.w.Write(p[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(p), nil
}

func TestIssuerComesBackOnItsPort(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "port")
	first, err := origin.ListenIssuer(file)
	if err != nil {
		t.Fatal(err)
	}
	first.Close()
	second, err := origin.ListenIssuer(file)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if second.URL() != first.URL() {
		t.Errorf("%s after %s: kept tokens would name the wrong issuer", second.URL(), first.URL())
	}
	second.Serve(map[string]any{"keys": []any{}}, "RS256")
	resp, err := http.Get(second.URL() + "/.well-known/openid-configuration")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var doc struct{ Issuer string }
	if err := json.NewDecoder(resp.Body).Decode(&doc); err != nil || doc.Issuer != second.URL() {
		t.Errorf("discovery names %q, %v", doc.Issuer, err)
	}
}
