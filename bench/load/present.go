package load

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Once presents each token to addr one time over the given number of
// keep-alive connections, and fails at the first answer that is not 200.
func Once(ctx context.Context, addr string, tokens []string, connections int) error {
	var next atomic.Int64
	errs := make([]error, connections)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	for c := range connections {
		wg.Go(func() {
			if errs[c] = present(ctx, addr, tokens, &next); errs[c] != nil {
				cancel()
			}
		})
	}
	wg.Wait()
	return firstCause(errs)
}

func present(ctx context.Context, addr string, tokens []string, next *atomic.Int64) error {
	var conn net.Conn
	var r *bufio.Reader
	defer func() {
		if conn != nil {
			_ = conn.Close()
		}
	}()
	for ctx.Err() == nil {
		i := next.Add(1) - 1
		if i >= int64(len(tokens)) {
			return nil
		}
		if conn == nil {
			var d net.Dialer
			var err error
			if conn, err = d.DialContext(ctx, "tcp", addr); err != nil {
				return err
			}
			r = bufio.NewReader(conn)
		}
		if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
			return err
		}
		closing, err := exchange(conn, r, addr, tokens[i])
		if err != nil {
			return fmt.Errorf("token %d of %d: %w", i+1, len(tokens), err)
		}
		if closing {
			_ = conn.Close()
			conn = nil
		}
	}
	return ctx.Err()
}

func exchange(w io.Writer, r *bufio.Reader, addr, token string) (closing bool, err error) {
	if _, err := io.WriteString(w, "GET / HTTP/1.1\r\nHost: "+addr+"\r\nAuthorization: Bearer "+token+"\r\n\r\n"); err != nil {
		return false, err
	}
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		return false, err
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return false, err
	}
	if resp.StatusCode != http.StatusOK {
		return false, fmt.Errorf("answered %d, want 200", resp.StatusCode)
	}
	return resp.Close, nil
}

// Status asks addr once with the given token, or with none if it is empty.
func Status(ctx context.Context, addr, token string) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/", nil)
	if err != nil {
		return 0, err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}

// firstCause prefers an error over the cancellations it set off.
func firstCause(errs []error) error {
	var cancelled error
	for _, err := range errs {
		switch {
		case err == nil:
		case errors.Is(err, context.Canceled):
			cancelled = err
		default:
			return err
		}
	}
	return cancelled
}
