package registry

import (
	"context"
	"fmt"
	"slices"

	"github.com/gennaker/gennaker/agent/internal/feed"
	"github.com/gennaker/gennaker/agent/internal/fetch/image"
	"github.com/gennaker/gennaker/agent/internal/trigger"
)

// look is one look at a repository.
type look struct {
	*Source
	ctx        context.Context
	repository string
	watch      *watch
	ledger     *feed.Ledger
	first      bool
}

// compare finds what is new among the tags of the repository.
func (l *look) compare(tags []image.Tag) (feed.Seen, error) {
	listed := make(map[string]string, len(tags))
	for _, tag := range tags {
		listed[tag.Name] = tag.Digest
	}
	appeared := l.ledger.Appears(len(listed))
	changes := l.ledger.Compare(listed, l.Now())
	if l.first {
		l.record(changes)
		l.ledger.Start()
		return seen(l.ledger, feed.Seen{})
	}
	if appeared {
		l.record(changes)
		return seen(l.ledger, feed.Seen{Problem: fmt.Errorf("repository %s appeared with %d tags at once: they were there before "+
			"and could not be seen, so none of them starts anything", l.repository, len(changes))})
	}
	moved, problem := l.moved(listed)
	news, more, failed := l.announce(append(changes, moved...))
	if problem == nil {
		problem = failed
	}
	if busy, ok := busy(problem).(*feed.Busy); ok {
		return feed.Seen{}, busy
	}
	return seen(l.ledger, feed.Seen{News: news, More: more, Problem: problem})
}

// record makes changes known without announcing them.
func (l *look) record(changes []feed.Change) {
	for _, change := range changes {
		l.ledger.Settle(change.Name, change.Digest)
	}
}

// moved asks for the digests of known tags where the list does not say them and the account tracks them: of those tags
// only that some trigger means, a limited number at a time, all of them in turn.
func (l *look) moved(listed map[string]string) ([]feed.Change, error) {
	if !l.Watched.TrackDigests {
		return nil, nil
	}
	names := l.toCheck(listed)
	if len(names) == 0 {
		return nil, nil
	}
	found, err := l.Client.Describe(l.ctx, l.repository, names)
	var changes []feed.Change
	for _, tag := range found {
		switch earlier := l.ledger.Known[tag.Name]; earlier {
		case tag.Digest:
		case "":
			l.ledger.Settle(tag.Name, tag.Digest)
		default:
			changes = append(changes, feed.Change{Name: tag.Name, Digest: tag.Digest, Earlier: earlier})
		}
	}
	return changes, err
}

func (l *look) toCheck(listed map[string]string) []string {
	var names []string
	for name, digest := range listed {
		if _, known := l.ledger.Known[name]; known && digest == "" && l.wanted(name) {
			names = append(names, name)
		}
	}
	if len(names) <= maxChecks {
		return names
	}
	slices.Sort(names)
	at, found := slices.BinarySearch(names, l.watch.checked)
	if found {
		at++
	}
	names = slices.Concat(names[at:], names[:at])[:maxChecks]
	l.watch.checked = names[maxChecks-1]
	return names
}

// wanted says whether some trigger means the tag.
func (l *look) wanted(tag string) bool {
	return slices.ContainsFunc(l.watch.armed, func(a trigger.Armed) bool {
		ok, _ := trigger.WantsTag(a.Trigger, tag)
		return ok
	})
}

// announce makes news of changes, oldest first, and makes those known. Moved tags are news only where the account tracks
// them.
func (l *look) announce(changes []feed.Change) (news []feed.News, more bool, err error) {
	earlier := map[string]string{}
	var names []string
	for _, change := range changes {
		if change.Earlier != "" && !l.Watched.TrackDigests {
			l.ledger.Settle(change.Name, change.Digest)
			continue
		}
		earlier[change.Name] = change.Earlier
		names = append(names, change.Name)
	}
	if len(names) == 0 {
		return nil, false, nil
	}
	slices.SortFunc(names, feed.CompareNames)
	if more = len(names) > maxNews; more {
		names = names[:maxNews]
	}
	host, err := l.Client.Host(l.ctx, l.repository)
	if err != nil {
		return nil, false, err
	}
	// What cannot be described now stays unknown, and so is news of a later look.
	tags, err := l.Client.Describe(l.ctx, l.repository, names)
	slices.SortFunc(tags, older)
	for _, tag := range tags {
		if tag.Digest == earlier[tag.Name] {
			continue
		}
		l.ledger.Settle(tag.Name, tag.Digest)
		news = append(news, l.news(host, tag, earlier[tag.Name])...)
	}
	return news, more && err == nil, err
}

// news are the events of a tag: one for each type that the repository is watched for.
func (l *look) news(host string, tag image.Tag, earlier string) []feed.News {
	var news []feed.News
	number := l.ledger.Number()
	for _, eventType := range l.watch.types {
		news = append(news, feed.News{
			Event: trigger.Event{Type: eventType, Source: l.Account, Name: l.repository, Image: &trigger.Image{
				Registry: host, Repository: l.repository, Tag: tag.Name, Digest: tag.Digest, Earlier: earlier}},
			Key: fmt.Sprintf("%s/%s/%s:%s@%s#%d", eventType, l.Account, l.repository, tag.Name, tag.Digest, number),
		})
	}
	return news
}
