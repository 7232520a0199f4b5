package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/spf13/cobra"
)

// rewriteLine is one line of the answer to POST /authgate/reencrypt. The last one has Done or Error.
type rewriteLine struct {
	Total      int    `json:"total"`
	Current    int    `json:"current"`
	Rewritten  int    `json:"rewritten"`
	Unreadable int    `json:"unreadable"`
	Done       bool   `json:"done"`
	Error      string `json:"error"`
}

const resumeHint = "run the same command again: it goes on where this one stopped, and nothing is lost or done twice"

func (p *program) reencryptCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "reencrypt", Short: "Encrypts everything stored with the newest key",
		Long: `
Encrypts everything stored anew that is not encrypted with the first key, records in
clear among it. The gateway goes on serving meanwhile. It can be interrupted at any
time; running it again goes on from there.

To rotate a key: put the new one first and the old one behind it in
encryption_key_file, reload all gateways, run this, and then take the old one out.
Keep the old key as long as there are backups made with it.`,
		Example: `  authgate admin reencrypt --dry-run
  authgate admin reencrypt`,
	}
	address := caddyFlag(cmd)
	dry := cmd.Flags().Bool("dry-run", false, "only count")
	return p.leaf(cmd, func(ctx context.Context, cmd *cobra.Command, _ []string) error {
		c, err := p.openCaddy(*address)
		if err != nil {
			return err
		}
		path := "/authgate/reencrypt"
		if *dry {
			path += "?dry_run=true"
		}
		resp, err := c.call(ctx, http.MethodPost, path)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		out := cmd.OutOrStdout()
		return follow(ctx, resp.Body, &progress{out: out, terminal: p.Terminal(out), dry: *dry})
	})
}

// follow shows the lines of an answer until the last one.
func follow(ctx context.Context, body io.Reader, show *progress) error {
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, 64<<10)
	for lines.Scan() {
		if len(lines.Bytes()) == 0 {
			continue
		}
		var line rewriteLine
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			show.end()
			return errors.New("the gateway's answer is not one of this command")
		}
		show.line(line)
		switch {
		case line.Error != "":
			show.end()
			return hinted(fmt.Errorf("it stopped: %s", clip(line.Error, maxMessage)), resumeHint)
		case line.Done:
			show.end()
			return show.verdict(line)
		}
	}
	show.end()
	if ctx.Err() != nil {
		return hinted(errors.New("interrupted"), resumeHint)
	}
	return hinted(errors.New("the gateway's answer broke off"), resumeHint)
}

// progress shows one line after the other: on a terminal in place.
type progress struct {
	out           io.Writer
	terminal, dry bool
	open          bool // the terminal's line is not ended
}

func (p *progress) line(l rewriteLine) {
	text := fmt.Sprintf("%d of %d encrypted with the first key", l.Current+l.Rewritten, l.Total)
	if p.dry {
		text = fmt.Sprintf("%d of %d to be encrypted", l.Rewritten, l.Total)
	}
	if l.Unreadable > 0 {
		text += fmt.Sprintf(", %d cannot be read", l.Unreadable)
	}
	if p.terminal {
		_, _ = fmt.Fprintf(p.out, "\r%s\x1b[K", text)
		p.open = true
		return
	}
	_, _ = fmt.Fprintln(p.out, text)
}

func (p *progress) end() {
	if p.open {
		_, _ = fmt.Fprintln(p.out)
		p.open = false
	}
}

func (p *progress) verdict(l rewriteLine) error {
	if l.Unreadable > 0 {
		return hinted(fmt.Errorf("%d of %d values cannot be decrypted with the configured keys, and stay as they are", l.Unreadable, l.Total),
			"'authgate admin status' names them; if a key is missing, add it to encryption_key_file and run this again")
	}
	text := "Done: everything is encrypted with the first key."
	if p.dry {
		text = "Nothing was changed (dry run)."
	}
	_, err := fmt.Fprintln(p.out, text)
	return err
}
