package helm

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/gennaker/gennaker/agent/internal/feed"
	"github.com/gennaker/gennaker/agent/internal/fetch/helm"
	"github.com/gennaker/gennaker/agent/internal/trigger"
)

const (
	// maxIndex bounds an index, in bytes. The largest public ones have 30 MiB.
	maxIndex = 48 << 20
	// maxNews is how many versions are announced at once; the rest waits for the next look.
	maxNews = 100
)

// Options are what a Source works with.
type Options struct {
	Account string
	// Open opens the repository's index.yaml.
	Open func(ctx context.Context) (io.ReadCloser, error)
	// Armed returns the live triggers that mean events of a type from the account.
	Armed func(ctx context.Context, eventType, account string) ([]trigger.Armed, error)
	// Now is the time.
	Now func() time.Time
}

// Source is the feed of one account: a single item, its index.
type Source struct {
	Options
	// read is the hash of the index in which there was nothing more to announce.
	read [sha256.Size]byte
}

// New makes a Source.
func New(o Options) *Source { return &Source{Options: o} }

// Items implements feed.Source: the index, as long as a live trigger names the account.
func (s *Source) Items(ctx context.Context) ([]string, error) {
	armed, err := s.Armed(ctx, trigger.Helm, s.Account)
	if err != nil {
		return nil, fmt.Errorf("find the triggers that name the account: %w", err)
	}
	if len(armed) == 0 {
		return nil, nil
	}
	return []string{helm.IndexFile}, nil
}

// Look implements feed.Source. Versions without a digest are passed over, as Igor does.
//
// Source: spinnaker/spinnaker igor/igor-web helm/HelmMonitor.java.
func (s *Source) Look(ctx context.Context, _ string, earlier []byte) (feed.Seen, error) {
	body, err := s.body(ctx)
	if err != nil {
		return feed.Seen{}, err
	}
	hash := sha256.Sum256(body)
	if earlier != nil && hash == s.read {
		return feed.Seen{}, nil
	}
	index, err := helm.Parse(body)
	if err != nil {
		return feed.Seen{}, err
	}
	ledger, err := feed.OpenLedger(earlier)
	if err != nil {
		return feed.Seen{}, err
	}
	out := s.compare(ledger, index, earlier == nil)
	if out.State, err = ledger.Close(); err != nil {
		return feed.Seen{}, err
	}
	if !out.More {
		s.read = hash
	}
	return out, nil
}

// body reads the index.
func (s *Source) body(ctx context.Context) ([]byte, error) {
	reader, err := s.Open(ctx)
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	body, err := io.ReadAll(io.LimitReader(reader, maxIndex+1))
	if err != nil {
		return nil, fmt.Errorf("read the index: %w", err)
	}
	if len(body) > maxIndex {
		return nil, fmt.Errorf("the index has more than %d bytes", maxIndex)
	}
	return body, nil
}

// compare finds what is new in the index.
func (s *Source) compare(ledger *feed.Ledger, index *helm.Index, first bool) feed.Seen {
	listed, charts := map[string]string{}, map[string]helm.Chart{}
	var odd []string
	for _, name := range index.Names() {
		versions, skipped := index.Versions(name)
		odd = append(odd, skipped...)
		for _, chart := range versions {
			if chart.Digest == "" {
				continue
			}
			key := chart.Name + " " + chart.Version
			listed[key], charts[key] = chart.Digest, chart
		}
	}
	out := feed.Seen{Problem: unread(odd)}
	appeared := ledger.Appears(len(listed))
	changes := ledger.Compare(listed, s.Now())
	if first || appeared {
		for _, change := range changes {
			ledger.Settle(change.Name, change.Digest)
		}
		if ledger.Start(); !first {
			out.Problem = fmt.Errorf("the index appeared with %d versions at once: they were there before and could not be seen, "+
				"so none of them starts anything", len(changes))
		}
		return out
	}
	slices.SortFunc(changes, func(a, b feed.Change) int { return older(charts[a.Name], charts[b.Name]) })
	if out.More = len(changes) > maxNews; out.More {
		changes = changes[:maxNews]
	}
	for _, change := range changes {
		ledger.Settle(change.Name, change.Digest)
		out.News = append(out.News, s.news(charts[change.Name], ledger.Number()))
	}
	return out
}

func (s *Source) news(chart helm.Chart, number int64) feed.News {
	return feed.News{
		Event: trigger.Event{Type: trigger.Helm, Source: s.Account, Name: chart.Name,
			Chart: &trigger.Chart{Name: chart.Name, Version: chart.Version, Digest: chart.Digest}},
		Key: fmt.Sprintf("%s/%s/%s:%s@%s#%d", trigger.Helm, s.Account, chart.Name, chart.Version, chart.Digest, number),
	}
}

// older orders versions by when they were added where both say so, else by chart and version.
func older(a, b helm.Chart) int {
	if !a.Created.IsZero() && !b.Created.IsZero() {
		if c := a.Created.Compare(b.Created); c != 0 {
			return c
		}
	}
	return cmp.Or(strings.Compare(a.Name, b.Name), helm.Compare(a.Version, b.Version))
}

// unread says which entries of the index make no sense.
func unread(entries []string) error {
	const most = 3
	switch n := len(entries); {
	case n == 0:
		return nil
	case n > most:
		return fmt.Errorf("%d entries of the index cannot be read: %s; …", n, strings.Join(entries[:most], "; "))
	default:
		return fmt.Errorf("%d entries of the index cannot be read: %s", n, strings.Join(entries, "; "))
	}
}
