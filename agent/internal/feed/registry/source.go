package registry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/gennaker/gennaker/agent/internal/config"
	"github.com/gennaker/gennaker/agent/internal/feed"
	"github.com/gennaker/gennaker/agent/internal/fetch/image"
	"github.com/gennaker/gennaker/agent/internal/trigger"
	"github.com/gennaker/gennaker/agent/spel/javaregex"
)

const (
	// maxNews is how many tags of a repository are announced at once; the rest waits for the next look.
	maxNews = 100
	// maxChecks is how many tags of a repository a look asks for their digests, where the list does not say them.
	maxChecks = 200
)

// Client asks the registry of one account.
type Client interface {
	// Tags lists the tags of a repository, with their digests where the protocol says them. One that is not there is
	// image.ErrNoRepository.
	Tags(ctx context.Context, repository string) ([]image.Tag, error)
	// Describe completes tags; those that are not there are left out. Some may be returned beside an error.
	Describe(ctx context.Context, repository string, tags []string) ([]image.Tag, error)
	// Host is the registry's host in references to images of the repository.
	Host(ctx context.Context, repository string) (string, error)
}

// Options are what a Source works with.
type Options struct {
	Account string
	Watched config.Watched
	Client  Client
	// Armed returns the live triggers that mean events of a type from the account.
	Armed func(ctx context.Context, eventType, account string) ([]trigger.Armed, error)
	// Catalog lists further repositories; nil when there are none to look for. Those that Chosen matches as a whole and
	// Skip does not name are looked at.
	Catalog func(ctx context.Context) ([]string, error)
	Chosen  string
	Skip    []string
	// Now is the time.
	Now func() time.Time
}

// Source is the feed of one account.
type Source struct {
	Options
	chosen *javaregex.Regexp

	mu      sync.Mutex
	watches map[string]*watch
}

// watch is why a repository is looked at.
type watch struct {
	// types are those of the events: docker, helm/oci.
	types []string
	armed []trigger.Armed
	// checked is the tag whose digest was asked for last; the next look goes on after it.
	checked string
}

// New makes a Source.
func New(o Options) (*Source, error) {
	s := &Source{Options: o, watches: map[string]*watch{}}
	if o.Catalog == nil {
		return s, nil
	}
	chosen, err := javaregex.Compile(o.Chosen)
	if err != nil {
		return nil, fmt.Errorf("repositoriesRegex: %w", err)
	}
	s.chosen = chosen
	return s, nil
}

// Items implements feed.Source: the repositories that live triggers name, those of the configuration, and those of the
// catalog that the configuration chooses.
func (s *Source) Items(ctx context.Context) ([]string, error) {
	watches := map[string]*watch{}
	add := func(eventType string, repositories ...string) {
		for _, repository := range repositories {
			if watches[repository] == nil {
				watches[repository] = &watch{}
			}
			if w := watches[repository]; !slices.Contains(w.types, eventType) {
				w.types = append(w.types, eventType)
			}
		}
	}
	for _, eventType := range []string{trigger.Docker, trigger.HelmOCI} {
		armed, err := s.Armed(ctx, eventType, s.Account)
		if err != nil {
			return nil, fmt.Errorf("find the repositories that triggers name: %w", err)
		}
		for _, a := range armed {
			repository := a.Trigger.Text("repository")
			add(eventType, repository)
			watches[repository].armed = append(watches[repository].armed, a)
		}
	}
	add(trigger.Docker, s.Watched.Repositories...)
	add(trigger.HelmOCI, s.Watched.HelmOCIRepositories...)
	found, err := s.catalog(ctx)
	if err != nil {
		return nil, err
	}
	for _, repository := range found {
		if watches[repository] == nil {
			add(trigger.Docker, repository)
		}
	}
	return s.watch(watches), nil
}

// watch replaces the watches; those that stay go on where they were.
func (s *Source) watch(watches map[string]*watch) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := make([]string, 0, len(watches))
	for name, w := range watches {
		if earlier := s.watches[name]; earlier != nil {
			w.checked = earlier.checked
		}
		names = append(names, name)
	}
	s.watches = watches
	return names
}

// catalog lists the chosen repositories of the registry.
func (s *Source) catalog(ctx context.Context) ([]string, error) {
	if s.Catalog == nil {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.Watched.Timeout())
	defer cancel()
	all, err := s.Catalog(ctx)
	if err != nil {
		return nil, busy(err)
	}
	var chosen []string
	for _, repository := range all {
		hit, err := s.chosen.Match(repository)
		if err != nil {
			return nil, fmt.Errorf("repositoriesRegex: %w", err)
		}
		if hit && !slices.Contains(s.Skip, repository) {
			chosen = append(chosen, repository)
		}
	}
	return chosen, nil
}

// busy passes on that an account wants to be left alone.
func busy(err error) error {
	if failed := (*image.Error)(nil); errors.As(err, &failed) && failed.Busy {
		return &feed.Busy{For: failed.Pause, Err: err}
	}
	return err
}

// Look implements feed.Source.
func (s *Source) Look(ctx context.Context, repository string, earlier []byte) (feed.Seen, error) {
	s.mu.Lock()
	w := s.watches[repository]
	s.mu.Unlock()
	ledger, err := feed.OpenLedger(earlier)
	if err != nil {
		return feed.Seen{}, err
	}
	tags, err := s.Client.Tags(ctx, repository)
	if errors.Is(err, image.ErrNoRepository) {
		// What was there may be back when whatever hides it is mended: it stays known.
		if earlier == nil {
			ledger.Start()
		}
		return seen(ledger, feed.Seen{})
	}
	if err != nil {
		return feed.Seen{}, busy(err)
	}
	l := &look{Source: s, ctx: ctx, repository: repository, watch: w, ledger: ledger, first: earlier == nil}
	return l.compare(tags)
}

// seen closes the ledger.
func seen(ledger *feed.Ledger, out feed.Seen) (feed.Seen, error) {
	state, err := ledger.Close()
	out.State = state
	return out, err
}

// older orders tags by the time of their push where both are known, else by their names.
func older(a, b image.Tag) int {
	if !a.Pushed.IsZero() && !b.Pushed.IsZero() {
		if c := a.Pushed.Compare(b.Pushed); c != 0 {
			return c
		}
	}
	return cmp.Or(feed.CompareNames(a.Name, b.Name), cmp.Compare(a.Name, b.Name))
}
