package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// gatewayStatus is what the table shows of /authgate/status.
type gatewayStatus struct {
	Ready bool `json:"ready"`
	Store struct {
		Driver    string `json:"driver"`
		Fresh     bool   `json:"fresh"`
		Revision  int64  `json:"revision"`
		Confirmed string `json:"confirmed"`
		Resyncs   uint64 `json:"resyncs"`
	} `json:"store"`
	Encryption *struct {
		Keys      []string `json:"keys"`
		Plaintext bool     `json:"plaintext"`
	} `json:"encryption"`
	Issuers []struct {
		Name      string            `json:"name"`
		URL       string            `json:"url"`
		State     string            `json:"state"`
		Keys      []json.RawMessage `json:"keys"`
		LastError string            `json:"last_error"`
	} `json:"issuers"`
	Requests map[string]uint64 `json:"requests"`
	Upstream map[string]uint64 `json:"upstream"`
	Tokens   int               `json:"cached_tokens"`
	Cache    map[string]struct {
		Records int    `json:"records"`
		Hits    uint64 `json:"hits"`
		Misses  uint64 `json:"misses"`
	} `json:"cache"`
	Insecure []string `json:"insecure"`
	Warnings []string `json:"warnings"`
}

func (p *program) statusCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "status", Short: "Shows how the gateway on this machine is",
		Long: `
Shows how the gateway on this machine is: its store, keys, issuers, counters, and
what it warns of. It asks Caddy's admin socket. The exit status is 0 if the gateway
answered, ready or not; for probes there is /readyz.`,
		Example: `  authgate admin status
  authgate admin status --caddy-address unix//run/authgate/admin.sock -o json`,
	}
	output, address := outputFlag(cmd), caddyFlag(cmd)
	timeout := cmd.Flags().Duration("timeout", defaultTimeout, "longest time to wait for the answer")
	return p.leaf(cmd, func(ctx context.Context, cmd *cobra.Command, _ []string) error {
		c, err := p.openCaddy(*address)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, *timeout)
		defer cancel()
		resp, err := c.call(ctx, http.MethodGet, "/authgate/status")
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		data, err := readBounded(resp.Body, 8<<20)
		if err != nil {
			return fmt.Errorf("reading the answer of %s: %w", c.address, err)
		}
		var s gatewayStatus
		if err := json.Unmarshal(data, &s); err != nil {
			return fmt.Errorf("the answer of %s is not authgate's status", c.address)
		}
		if *output == asJSON {
			return writeRawJSON(cmd.OutOrStdout(), data)
		}
		return s.write(cmd.OutOrStdout())
	})
}

func (s *gatewayStatus) write(w io.Writer) error {
	pairs := [][2]string{
		{"Ready", yesNo(s.Ready)},
		{"Store", s.store()},
		{"Encryption", s.encryption()},
		{"Requests", counts(s.Requests)},
		{"Upstream", counts(s.Upstream)},
		{"Cached tokens", strconv.Itoa(s.Tokens)},
	}
	for _, name := range slices.Sorted(maps.Keys(s.Cache)) {
		c := s.Cache[name]
		pairs = append(pairs, [2]string{"Cache", fmt.Sprintf("%s: %d records, %d hits, %d misses", name, c.Records, c.Hits, c.Misses)})
	}
	for _, i := range s.Issuers {
		text := fmt.Sprintf("%s %s: %s, %d keys", i.Name, i.URL, i.State, len(i.Keys))
		if i.LastError != "" {
			text += "; last error: " + i.LastError
		}
		pairs = append(pairs, [2]string{"Issuer", text})
	}
	for _, text := range s.Insecure {
		pairs = append(pairs, [2]string{"Insecure", text})
	}
	for _, text := range s.Warnings {
		pairs = append(pairs, [2]string{"Warning", text})
	}
	return writePairs(w, pairs)
}

func (s *gatewayStatus) store() string {
	state := "up to date"
	if !s.Store.Fresh {
		state = "OUT OF DATE"
	}
	return fmt.Sprintf("%s, %s at revision %d, confirmed %s, %d resyncs",
		s.Store.Driver, state, s.Store.Revision, wholeSeconds(s.Store.Confirmed), s.Store.Resyncs)
}

func (s *gatewayStatus) encryption() string {
	if s.Encryption == nil {
		return ""
	}
	text := "none: secrets are stored in clear"
	if keys := s.Encryption.Keys; len(keys) > 0 {
		text = "key " + keys[0]
		if len(keys) > 1 {
			text += ", decrypts with " + strings.Join(keys[1:], ", ") + " too"
		}
		if s.Encryption.Plaintext {
			text += ", and reads records in clear"
		}
	}
	return text
}

func counts(m map[string]uint64) string {
	parts := make([]string, 0, len(m))
	for _, name := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, fmt.Sprintf("%s %d", name, m[name]))
	}
	return strings.Join(parts, ", ")
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "NO"
}

// wholeSeconds is a server's time in UTC without fractions; what is no time stays as it is.
func wholeSeconds(text string) string {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return text
	}
	return t.UTC().Format(time.RFC3339)
}
