package inbox_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gennaker/gennaker/agent/internal/inbox"
)

func TestQuietPeriod(t *testing.T) {
	const hook = `"triggers":[{"type":"webhook","enabled":true,"source":"bot"}]`
	now := time.Now()
	for _, c := range []struct {
		name   string
		period inbox.QuietPeriod
		// fires are the pipelines that start, of "loud" and "quiet", which respects the period.
		fires string
	}{
		{"none", inbox.QuietPeriod{}, "loud quiet"},
		{"now", inbox.QuietPeriod{Start: now.Add(-time.Hour), End: now.Add(time.Hour), Types: []string{"jenkins", "WebHook"}}, "loud"},
		{"for others", inbox.QuietPeriod{Start: now.Add(-time.Hour), End: now.Add(time.Hour), Types: []string{"jenkins"}}, "loud quiet"},
		{"over", inbox.QuietPeriod{Start: now.Add(-2 * time.Hour), End: now.Add(-time.Hour), Types: []string{"webhook"}}, "loud quiet"},
		{"later", inbox.QuietPeriod{Start: now.Add(time.Hour), End: now.Add(2 * time.Hour), Types: []string{"webhook"}}, "loud quiet"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := open(t)
			f.QuietPeriod = c.period
			f.save("loud", ","+hook)
			f.save("quiet", `,"respectQuietPeriod":true,`+hook)
			receipt := f.accept(webhook(map[string]any{}), "")
			var fired []string
			for _, started := range receipt.Started {
				fired = append(fired, started.Pipeline)
			}
			if got := strings.Join(fired, " "); got != c.fires {
				t.Errorf("%q started, expected %q", got, c.fires)
			}
			verdict := f.verdicts(receipt.EventID)["quiet #0"]
			if passed := strings.HasPrefix(verdict, "ignored: webhook from source \"bot\"; it is passed over"); passed != (c.fires == "loud") {
				t.Errorf("the verdict of the pipeline that respects it: %s", verdict)
			}
			replayed, err := f.Replay(t.Context(), receipt.EventID)
			if err != nil {
				t.Fatal(err)
			}
			would := 0
			for _, v := range replayed.Verdicts {
				if v.Outcome == inbox.WouldFire {
					would++
				}
			}
			if would != len(fired) {
				t.Errorf("%d would fire, expected %d", would, len(fired))
			}
		})
	}
}
