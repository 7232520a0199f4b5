package cli

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"
)

// auditList is what the table shows of GET /v1/audit.
type auditList struct {
	Audit []struct {
		Time       string `json:"time"`
		Caller     string `json:"caller"`
		Remote     string `json:"remote"`
		Verb       string `json:"verb"`
		Kind       string `json:"kind"`
		ID         string `json:"id"`
		Revision   int64  `json:"revision"`
		Outcome    string `json:"outcome"`
		Status     int    `json:"status"`
		Suppressed int    `json:"suppressed"`
	} `json:"audit"`
}

func (p *program) auditCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "audit", Short: "Shows who changed what, and who was refused",
		Long: `
Shows the accepted and refused changes through the management APIs, newest first.
The gateway keeps the last ten thousand of callers it knows, and fewer of others;
its log has all of them. LEFT OUT counts refusals that are in the log only.`,
		Example: `  authgate admin audit --limit 20
  authgate admin audit --since 24h --kind 'auth method'
  authgate admin audit --since 2026-01-31T08:00:00Z --outcome refused -o json`,
	}
	c, output := connectionFlags(cmd), outputFlag(cmd)
	f := cmd.Flags()
	limit := f.Int("limit", 0, "at most so many (default: as many as the gateway gives)")
	since := f.String("since", "", "from then on: a duration before now as 90m, or a time as 2026-01-31T08:00:00Z")
	kind := f.String("kind", "", "only changes of this kind of object, as 'service type', 'auth method', binding")
	outcome := f.String("outcome", "", "accepted or refused")
	return p.leaf(cmd, func(ctx context.Context, cmd *cobra.Command, _ []string) error {
		query := url.Values{}
		if f.Changed("limit") {
			if *limit < 1 {
				return usagef("--limit must be positive")
			}
			query.Set("limit", strconv.Itoa(*limit))
		}
		if *since != "" {
			from, err := sinceTime(*since, time.Now())
			if err != nil {
				return err
			}
			query.Set("since", from)
		}
		for name, value := range map[string]string{"kind": *kind, "outcome": *outcome} {
			if value != "" {
				query.Set(name, value)
			}
		}
		a, err := p.open(c, p.secrets(cmd))
		if err != nil {
			return err
		}
		var raw json.RawMessage
		if _, err := a.do(ctx, request{method: http.MethodGet, path: "/v1/audit", query: query}, &raw); err != nil {
			return err
		}
		if *output == asJSON {
			return writeRawJSON(cmd.OutOrStdout(), raw)
		}
		return p.auditTable(cmd, raw)
	})
}

func (p *program) auditTable(cmd *cobra.Command, raw json.RawMessage) error {
	var list auditList
	if err := json.Unmarshal(raw, &list); err != nil {
		return errShape
	}
	rows := make([][]string, 0, len(list.Audit))
	for _, e := range list.Audit {
		rows = append(rows, []string{
			wholeSeconds(e.Time), e.Outcome, strconv.Itoa(e.Status), e.Caller, e.Remote, e.Verb, e.Kind, e.ID, number(e.Revision), number(int64(e.Suppressed)),
		})
	}
	return p.list(cmd, "audit entries",
		[]string{"TIME", "OUTCOME", "STATUS", "CALLER", "REMOTE", "VERB", "KIND", "ID", "REVISION", "LEFT OUT"}, rows)
}

// number leaves a cell empty for zero.
func number(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// sinceTime reads a time, or a duration before now.
func sinceTime(text string, now time.Time) (string, error) {
	if d, err := time.ParseDuration(text); err == nil && d > 0 {
		return now.Add(-d).UTC().Format(time.RFC3339), nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return "", usagef("--since takes a duration as 90m or a time as 2026-01-31T08:00:00Z, not %q", text)
	}
	return t.UTC().Format(time.RFC3339), nil
}
