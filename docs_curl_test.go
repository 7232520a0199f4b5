package authgate_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
)

// shellWords splits a line as a shell would: quotes, backslashes, $NAME.
func shellWords(line string, vars map[string]string) ([]string, error) {
	var words []string
	var word strings.Builder
	started := false
	quote := byte(0)
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case quote == '\'' && c != '\'':
			word.WriteByte(c)
		case c == '\'' && quote != '"', c == '"' && quote != '\'':
			started = true
			if quote == 0 {
				quote = c
			} else {
				quote = 0
			}
		case c == '\\' && i+1 < len(line):
			if i++; quote == '"' && !strings.ContainsRune("\"\\$`", rune(line[i])) {
				word.WriteByte('\\')
			}
			word.WriteByte(line[i])
			started = true
		case c == '$':
			end := i + 1
			for end < len(line) && (line[end] == '_' || 'A' <= line[end] && line[end] <= 'Z' || '0' <= line[end] && line[end] <= '9') {
				end++
			}
			value, ok := vars[line[i+1:end]]
			if !ok {
				return nil, fmt.Errorf("nobody has set %s", line[i:end])
			}
			word.WriteString(value)
			started, i = true, end-1
		case c == ' ' && quote == 0:
			if started {
				words = append(words, word.String())
				word.Reset()
				started = false
			}
		case quote == 0 && strings.IndexByte("|<>;&(){}*?[]~`#!", c) >= 0:
			return nil, fmt.Errorf("a tour cannot use %q unquoted", c)
		default:
			word.WriteByte(c)
			started = true
		}
	}
	if quote != 0 {
		return nil, errors.New("a quote is not closed")
	}
	if started {
		words = append(words, word.String())
	}
	if len(words) == 0 {
		return nil, errors.New("no command")
	}
	return words, nil
}

// curlCall is a command line of curl, as far as the documents use it.
type curlCall struct {
	method, body, format string
	url                  *url.URL
	headers              []string
	include, discard     bool
	ca, cert, key        string // files
}

// curl sends what the real one would send over HTTP/1.1, byte for byte but for its version, and returns
// what it would print: tests need nothing but Go.
func curl(ctx context.Context, args []string) (string, error) {
	c, err := parseCurl(args)
	if err != nil {
		return "", err
	}
	conn, err := c.dial(ctx)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	if _, err := io.WriteString(conn, c.request()); err != nil {
		return "", err
	}
	var raw bytes.Buffer
	resp, err := http.ReadResponse(bufio.NewReader(io.TeeReader(conn, &raw)), &http.Request{Method: c.method})
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", err
	}
	var out string
	if c.include {
		head, _, _ := strings.Cut(raw.String(), "\r\n\r\n")
		out = head + "\r\n\r\n"
	}
	if !c.discard {
		out += string(body)
	}
	format := strings.NewReplacer("%{http_code}", fmt.Sprint(resp.StatusCode), `\n`, "\n").Replace(c.format)
	return out + format, nil
}

func (c *curlCall) dial(ctx context.Context) (net.Conn, error) {
	if c.url.Scheme == "http" {
		return new(net.Dialer).DialContext(ctx, "tcp", c.url.Host)
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.ca != "" {
		pem, err := os.ReadFile(c.ca)
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		config.RootCAs.AppendCertsFromPEM(pem)
	}
	if c.cert != "" {
		pair, err := tls.LoadX509KeyPair(c.cert, c.key)
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", c.url.Host)
}

func (c *curlCall) request() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n", c.method, c.url.RequestURI(), c.url.Host)
	for _, h := range c.headers {
		b.WriteString(h + "\r\n")
	}
	if c.body != "" {
		fmt.Fprintf(&b, "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n", len(c.body))
	}
	return b.String() + "\r\n" + c.body
}

func parseCurl(args []string) (*curlCall, error) {
	c := &curlCall{method: http.MethodGet}
	asIs := false
	var address, method string
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		value := func() string {
			if len(args) == 0 {
				return ""
			}
			v := args[0]
			args = args[1:]
			return v
		}
		switch arg {
		case "-s":
		case "-i":
			c.include = true
		case "--path-as-is":
			asIs = true
		case "-o":
			if value() != "/dev/null" {
				return nil, errors.New("curl -o: only /dev/null")
			}
			c.discard = true
		case "-w":
			c.format = value()
		case "--cacert":
			c.ca = value()
		case "--cert":
			c.cert = value()
		case "--key":
			c.key = value()
		case "-X":
			method = value()
		case "-H":
			c.headers = append(c.headers, value())
		case "-d":
			c.body, c.method = value(), http.MethodPost
		default:
			if strings.HasPrefix(arg, "-") || address != "" {
				return nil, fmt.Errorf("curl: the tests do not know %q", arg)
			}
			address = arg
		}
	}
	if method != "" {
		c.method = method
	}
	var err error
	if c.url, err = url.Parse(address); err != nil || c.url.Scheme != "http" && c.url.Scheme != "https" {
		return nil, fmt.Errorf("curl: %q is no http or https URL (%w)", address, err)
	}
	if !asIs && (strings.Contains(address, "/../") || strings.Contains(address, "/./")) {
		return nil, errors.New("curl would tidy up this path; it needs --path-as-is")
	}
	return c, nil
}

// TestShellWords keeps the little shell of the tours honest.
func TestShellWords(t *testing.T) {
	t.Parallel()
	vars := map[string]string{"KEY": "a b"}
	for line, want := range map[string]string{
		`curl -s  x`:                        `["curl" "-s" "x"]`,
		`curl -H "A: $KEY" -d '{"k": "$"}'`: `["curl" "-H" "A: a b" "-d" "{\"k\": \"$\"}"]`,
		`a\ b "c\"d" 'e'"f"`:                `["a b" "c\"d" "ef"]`,
		`-w '%{http_code}\n' ""`:            `["-w" "%{http_code}\\n" ""]`,
	} {
		got, err := shellWords(line, vars)
		if err != nil || fmt.Sprintf("%q", got) != want {
			t.Errorf("%s: got %q, %v, want %s", line, got, err, want)
		}
	}
	for _, line := range []string{`a | b`, `a "b`, `$UNSET`, `a > b`, ``} {
		if got, err := shellWords(line, vars); err == nil {
			t.Errorf("%s: got %q, want an error", line, got)
		}
	}
}
