// Package health keeps how the things fare that agents look at from time to time, each under a lease: registries, chart
// repositories, Jenkins masters.
package health

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gennaker/gennaker/agent/internal/store"
)

const (
	// source is where the store keeps how things fare, by their leases.
	source = "feed-health"
	// Interval is how often it is stored of a thing of which nothing new can be said.
	Interval = 30 * time.Second
	// maxProblems bounds the items whose problems are named, maxProblem the bytes of a text.
	maxProblems = 20
	maxProblem  = 1 << 10
)

// Subject is a thing that is looked at.
type Subject struct {
	// Kind and Name say what it is: "docker" and "hub".
	Kind, Name string
	// Lease is the name of the lease under which it is looked at.
	Lease string
	// Interval is the time between two looks.
	Interval time.Duration
}

// Health is how a subject fares. The process that looks stores it, at the latest half a minute after a look, and at once when a
// problem comes or goes.
type Health struct {
	// Kind, Name and Interval are the subject's.
	Kind     string        `json:"kind"`
	Name     string        `json:"name"`
	Interval time.Duration `json:"interval"`
	// LookedAt is when the last look ended, SucceededAt when the last one did that nothing kept from looking, NextAt when
	// the next one begins; zero before the first.
	LookedAt    time.Time `json:"lookedAt"`
	SucceededAt time.Time `json:"succeededAt"`
	NextAt      time.Time `json:"nextAt"`
	// Error is why the last look failed; empty when it did not.
	Error string `json:"error,omitempty"`
	// Items are how many repositories, charts or jobs are looked at, Failing how many of them have a problem; Problems names
	// some of those.
	Items    int       `json:"items"`
	Failing  int       `json:"failing"`
	Problems []Problem `json:"problems,omitempty"`
	// Holder is the incarnation that holds the lease, and Host where it runs; empty when none does.
	Holder string `json:"-"`
	Host   string `json:"-"`
}

// Problem is what is wrong with one item.
type Problem struct {
	Item  string `json:"item"`
	Error string `json:"error"`
}

// Of returns how subjects fare. One that no process has looked at has no times.
func Of(r store.Reader, subjects []Subject) ([]Health, error) {
	states, err := r.JobStates(source)
	if err != nil {
		return nil, err
	}
	incarnations, err := r.Incarnations()
	if err != nil {
		return nil, err
	}
	all := make([]Health, len(subjects))
	for i, subject := range subjects {
		h := Health{}
		if state := states[subject.Lease]; state != nil {
			if err := json.Unmarshal(state, &h); err != nil {
				return nil, fmt.Errorf("%s %q: read how it fares: %w", subject.Kind, subject.Name, err)
			}
		}
		h.Kind, h.Name, h.Interval = subject.Kind, subject.Name, subject.Interval
		held, err := r.Lease(subject.Lease)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
		h.Holder = held.Incarnation
		for _, incarnation := range incarnations {
			if incarnation.ID == h.Holder {
				h.Host = incarnation.Host
			}
		}
		all[i] = h
	}
	return all, nil
}

// Look is how a look went.
type Look struct {
	// Err is why it failed; nil when it did not.
	Err error
	// Next is how long it is to the next one.
	Next time.Duration
	// Items are how many were looked at, Problems those of some.
	Items    int
	Problems []Problem
}

// Reporter stores how a subject fares, for the process that looks at it.
type Reporter struct {
	subject Subject
	store   store.Store
	fence   func(store.Tx) error
	// stored is what was stored last, but for SucceededAt, which is up to date.
	stored Health
}

// NewReporter makes a Reporter. fence refuses the transactions of a process that looks no longer.
func NewReporter(s store.Store, subject Subject, fence func(store.Tx) error) *Reporter {
	return &Reporter{subject: subject, store: s, fence: fence}
}

// Load reads what the process knew that looked before.
func (r *Reporter) Load(reader store.Reader) error {
	before, err := Of(reader, []Subject{r.subject})
	if err == nil {
		r.stored = Health{SucceededAt: before[0].SucceededAt}
	}
	return err
}

// Report says how the subject fares after a look, and stores it if that is worth it.
func (r *Reporter) Report(ctx context.Context, look Look) (Health, error) {
	now := time.Now()
	h := Health{Kind: r.subject.Kind, Name: r.subject.Name, Interval: r.subject.Interval, LookedAt: now, SucceededAt: now,
		NextAt: now.Add(look.Next), Items: look.Items, Failing: len(look.Problems)}
	if look.Err != nil {
		h.SucceededAt, h.Error = r.stored.SucceededAt, shortened(look.Err.Error())
	}
	for _, problem := range look.Problems[:min(len(look.Problems), maxProblems)] {
		h.Problems = append(h.Problems, Problem{problem.Item, shortened(problem.Error)})
	}
	same := h.Error == r.stored.Error && h.Items == r.stored.Items && h.Failing == r.stored.Failing && slices.Equal(h.Problems, r.stored.Problems)
	r.stored.SucceededAt = h.SucceededAt
	if same && now.Sub(r.stored.LookedAt) < Interval {
		return h, nil
	}
	state, err := json.Marshal(h)
	if err != nil {
		return h, err
	}
	err = r.store.Update(ctx, func(tx store.Tx) error {
		if err := r.fence(tx); err != nil {
			return err
		}
		return tx.PutJobStates(source, map[string][]byte{r.subject.Lease: state})
	})
	if err != nil {
		return h, fmt.Errorf("store how %s %q fares: %w", r.subject.Kind, r.subject.Name, err)
	}
	r.stored = h
	return h, nil
}

// shortened is a text of bounded size.
func shortened(text string) string {
	if len(text) <= maxProblem {
		return text
	}
	return strings.ToValidUTF8(text[:maxProblem], "") + "…"
}
