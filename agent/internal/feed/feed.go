package feed

import (
	"context"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gennaker/gennaker/agent/internal/health"
	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/agent/internal/trigger"
)

// Source is what an account offers to a feed.
type Source interface {
	// Items names what is to be looked at now: repositories, an index. What is no longer named is forgotten.
	Items(ctx context.Context) ([]string, error)
	// Look asks for one item. earlier is the state that the last look left, nil at the first one, which announces nothing.
	// Several items may be looked at at once. An error leaves the state what it is; *Busy has the account left alone.
	Look(ctx context.Context, item string, earlier []byte) (Seen, error)
}

// Seen is what a look found.
type Seen struct {
	// State is what the next look has to know; nil when it is what it was.
	State []byte
	// News are taken in with the state, in their order.
	News []News
	// More says that a limit ended the look: the next one should follow soon.
	More bool
	// Problem is what went wrong beside; nil when nothing did. The rest was seen.
	Problem error
}

// News is an event with the key that makes it unique.
type News struct {
	Event trigger.Event
	Key   string
}

// Busy is the error of a look after which the account is to be left alone.
type Busy struct {
	// For is how long; 0 means the usual interval.
	For time.Duration
	Err error
}

// Error is the cause's.
func (b *Busy) Error() string { return b.Err.Error() }

// Unwrap returns the cause.
func (b *Busy) Unwrap() error { return b.Err }

// Account is one feed.
type Account struct {
	// Kind and Name name the feed, its lease and its state: "docker" and "hub".
	Kind, Name string
	// Interval is the time between two cycles, Timeout bounds one look.
	Interval, Timeout time.Duration
	Source            Source
}

// name of the feed: of its lease, and of its state in the store.
func (a Account) name() string { return "feed/" + a.Kind + "/" + a.Name }

// Options are what feeds work with.
type Options struct {
	Store store.Store
	// Accept takes an event in, in the transaction that stores the state after it. Accepted is called once events are
	// durable.
	Accept   func(tx store.Tx, event trigger.Event, key string) error
	Accepted func()
	// Looked, when set, is called with how a feed fares after each cycle.
	Looked func(health.Health)
	// Incarnation is the agent process that holds the leases.
	Incarnation string
	Log         *slog.Logger
}

// Feeds are the feeds of an agent.
type Feeds struct {
	options  Options
	accounts []Account
}

// New makes a feed of each account; no two have the same kind and name.
func New(o Options, accounts []Account) *Feeds { return &Feeds{o, accounts} }

// Run runs the feeds until ctx ends.
func (f *Feeds) Run(ctx context.Context) error {
	var group errgroup.Group
	for _, account := range f.accounts {
		group.Go(func() error {
			newWatcher(f.options, account).run(ctx)
			return nil
		})
	}
	return group.Wait()
}
