package feed

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gennaker/gennaker/agent/internal/lease"
	"github.com/gennaker/gennaker/agent/internal/store"
)

const (
	// healthSource is where the store keeps how feeds fare, by their names.
	healthSource = "feed-health"
	// healthInterval is how often it is stored of a feed of which nothing new can be said.
	healthInterval = 30 * time.Second
	// maxProblems bounds the items whose problems are named, maxProblem the bytes of a text.
	maxProblems = 20
	maxProblem  = 1 << 10
)

// Health is how a feed fares. The process that looks stores it, at the latest half a minute after a look, and at once when a
// problem comes or goes.
type Health struct {
	// Kind and Name are those of the account, Interval is the time between two cycles.
	Kind     string        `json:"kind"`
	Name     string        `json:"name"`
	Interval time.Duration `json:"interval"`
	// LookedAt is when the last cycle ended, SucceededAt when the last one did that nothing kept from looking, NextAt when
	// the next one begins; zero before the first.
	LookedAt    time.Time `json:"lookedAt"`
	SucceededAt time.Time `json:"succeededAt"`
	NextAt      time.Time `json:"nextAt"`
	// Error is why the last cycle could not look; empty when it could.
	Error string `json:"error,omitempty"`
	// Items are how many repositories or charts the feed looks at, Failing how many of them have a problem; Problems names
	// some of those.
	Items    int       `json:"items"`
	Failing  int       `json:"failing"`
	Problems []Problem `json:"problems,omitempty"`
	// Holder is the incarnation that holds the feed's lease, and Host where it runs; empty when none does.
	Holder string `json:"-"`
	Host   string `json:"-"`
}

// Problem is what is wrong with one item of a feed.
type Problem struct {
	Item  string `json:"item"`
	Error string `json:"error"`
}

// Healths returns how the feeds of accounts fare. A feed that no process has looked for has no times.
func Healths(r store.Reader, accounts []Account) ([]Health, error) {
	states, err := r.JobStates(healthSource)
	if err != nil {
		return nil, err
	}
	incarnations, err := r.Incarnations()
	if err != nil {
		return nil, err
	}
	all := make([]Health, len(accounts))
	for i, account := range accounts {
		h := Health{}
		if state := states[account.name()]; state != nil {
			if err := json.Unmarshal(state, &h); err != nil {
				return nil, fmt.Errorf("%s account %q: read how it fares: %w", account.Kind, account.Name, err)
			}
		}
		h.Kind, h.Name, h.Interval = account.Kind, account.Name, account.Interval
		if h.Holder, err = lease.Holder(r, account.name()); err != nil {
			return nil, err
		}
		for _, incarnation := range incarnations {
			if incarnation.ID == h.Holder {
				h.Host = incarnation.Host
			}
		}
		all[i] = h
	}
	return all, nil
}

// Health returns how the feeds fare.
func (f *Feeds) Health(ctx context.Context) (all []Health, err error) {
	err = f.options.Store.View(ctx, func(r store.Reader) error {
		all, err = Healths(r, f.accounts)
		return err
	})
	return all, err
}

// report notes how a cycle went and when the next one is, and stores it if that is worth it.
func (w *watcher) report(ctx context.Context, failed error, next time.Duration) {
	if !w.lease.Held() {
		return // another process looks, and says so
	}
	now := time.Now()
	h := Health{Kind: w.Kind, Name: w.Name, Interval: w.Interval, LookedAt: now, SucceededAt: now, NextAt: now.Add(next), Items: len(w.items)}
	if failed != nil {
		h.SucceededAt, h.Error = w.health.SucceededAt, shortened(failed.Error())
	}
	for _, name := range slices.Sorted(maps.Keys(w.items)) {
		if told := w.items[name].told; told != "" {
			h.Failing++
			if len(h.Problems) < maxProblems {
				h.Problems = append(h.Problems, Problem{name, shortened(told)})
			}
		}
	}
	if w.Looked != nil {
		w.Looked(h)
	}
	same := h.Error == w.health.Error && h.Items == w.health.Items && h.Failing == w.health.Failing && slices.Equal(h.Problems, w.health.Problems)
	w.health.SucceededAt = h.SucceededAt
	if same && now.Sub(w.health.LookedAt) < healthInterval {
		return
	}
	if err := w.keep(ctx, h); err != nil {
		w.Log.Warn("store how the feed fares", "error", err)
		return
	}
	w.health = h
}

func (w *watcher) keep(ctx context.Context, h Health) error {
	state, err := json.Marshal(h)
	if err != nil {
		return err
	}
	err = w.Store.Update(ctx, func(tx store.Tx) error {
		if err := w.lease.Fence(tx); err != nil {
			return err
		}
		return tx.PutJobStates(healthSource, map[string][]byte{w.name(): state})
	})
	if w.lease.Lost(err) {
		return nil
	}
	return err
}

// shortened is a text of bounded size.
func shortened(text string) string {
	if len(text) <= maxProblem {
		return text
	}
	return strings.ToValidUTF8(text[:maxProblem], "") + "…"
}
