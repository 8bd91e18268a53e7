package registry_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	ociregistry "github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"go.uber.org/goleak"

	"github.com/gennaker/gennaker/agent/internal/config"
	"github.com/gennaker/gennaker/agent/internal/feed"
	"github.com/gennaker/gennaker/agent/internal/feed/registry"
	"github.com/gennaker/gennaker/agent/internal/fetch/image"
	"github.com/gennaker/gennaker/agent/internal/trigger"
	"github.com/gennaker/gennaker/api/spinnaker"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
}

// server is a registry whose answers tests may replace.
type server struct {
	host string

	mu sync.Mutex
	// fault answers in place of the registry when it returns true; requests counts by method and path.
	fault    func(w http.ResponseWriter, r *http.Request) bool
	requests map[string]int
}

func newServer(t testing.TB) *server {
	t.Helper()
	s := &server{requests: map[string]int{}}
	inner := ociregistry.New(ociregistry.Logger(log.New(io.Discard, "", 0)))
	listener := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.requests[r.Method+" "+r.URL.Path]++
		fault := s.fault
		s.mu.Unlock()
		if fault == nil || !fault(w, r) {
			inner.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(listener.Close)
	s.host = strings.TrimPrefix(listener.URL, "http://")
	return s
}

func (s *server) ruin(fault func(w http.ResponseWriter, r *http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = fault
}

// count returns how many requests there were whose method and path begin with a text, and forgets all.
func (s *server) count(prefix string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for request, times := range s.requests {
		if strings.HasPrefix(request, prefix) {
			n += times
		}
	}
	s.requests = map[string]int{}
	return n
}

// push pushes a new image under several tags and returns its digest.
func (s *server) push(t testing.TB, repository string, tags ...string) string {
	t.Helper()
	made, err := random.Image(64, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, tag := range tags {
		reference, err := name.NewTag(s.host+"/"+repository+":"+tag, name.Insecure)
		if err != nil {
			t.Fatal(err)
		}
		if err := remote.Write(reference, made, remote.WithAuth(&authn.Basic{Username: "robot", Password: "s3cret"})); err != nil {
			t.Fatal(err)
		}
	}
	digest, err := made.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return digest.String()
}

// tag has a tag name the image that another one names.
func (s *server) tag(t testing.TB, repository, from, to string) {
	t.Helper()
	source, err := name.NewTag(s.host+"/"+repository+":"+from, name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	found, err := remote.Get(source)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Tag(source.Context().Tag(to), found); err != nil {
		t.Fatal(err)
	}
}

// looker looks at an account as a feed does, keeping the states between looks.
type looker struct {
	testing.TB
	triggers []spinnaker.Trigger
	source   *registry.Source
	states   map[string][]byte
}

func newLooker(t testing.TB, triggers []spinnaker.Trigger) looker {
	return looker{TB: t, triggers: triggers, states: map[string][]byte{}}
}

// over makes a source as a new process would.
func (l *looker) over(o registry.Options) {
	l.Helper()
	o.Account, o.Armed, o.Now = "hub", l.armed, func() time.Time { return time.Date(2026, 8, 1, 0, 0, 0, 0, time.UTC) }
	var err error
	if l.source, err = registry.New(o); err != nil {
		l.Fatal(err)
	}
}

func (l *looker) armed(_ context.Context, eventType, account string) ([]trigger.Armed, error) {
	var armed []trigger.Armed
	for i, t := range l.triggers {
		if key, ok := trigger.KeyOf(t); ok && key.Type == eventType && key.Source == account {
			armed = append(armed, trigger.Armed{Trigger: t, Name: strconv.Itoa(i)})
		}
	}
	return armed, nil
}

// items are the repositories that are looked at, sorted.
func (l *looker) items() []string {
	l.Helper()
	items, err := l.source.Items(l.Context())
	if err != nil {
		l.Fatal(err)
	}
	slices.Sort(items)
	return items
}

// look looks at a repository once.
func (l *looker) look(repository string) (feed.Seen, error) {
	l.Helper()
	l.items()
	seen, err := l.source.Look(l.Context(), repository, l.states[repository])
	if err == nil && seen.State != nil {
		l.states[repository] = seen.State
	}
	return seen, err
}

// quiet has a look that finds nothing and meets no problem.
func (l *looker) quiet(repository string) {
	l.Helper()
	l.finds(repository)
}

// finds has a look that announces exactly these, as "docker team/cart:1.0".
func (l *looker) finds(repository string, want ...string) feed.Seen {
	l.Helper()
	seen, err := l.look(repository)
	if err != nil || seen.Problem != nil {
		l.Fatalf("look at %s: %v, %v", repository, err, seen.Problem)
	}
	if got := texts(seen); !slices.Equal(got, want) {
		l.Errorf("found %q, want %q", got, want)
	}
	return seen
}

// rig looks at a registry.
type rig struct {
	looker
	*server
	account config.Registry
}

func newRig(t testing.TB, account config.Registry, triggers ...spinnaker.Trigger) *rig {
	t.Helper()
	r := &rig{looker: newLooker(t, triggers), server: newServer(t), account: account}
	r.account.Name, r.account.Address = "hub", "http://"+r.host
	r.restart()
	return r
}

// restart makes a source as a new process would.
func (r *rig) restart() {
	r.Helper()
	resolver, err := image.New(r.Context(), []config.Registry{r.account}, nil)
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(resolver.Close)
	client := resolver.Registry("hub")
	o := registry.Options{Watched: r.account.Watched, Client: client, Chosen: r.account.RepositoriesRegex, Skip: r.account.Skip}
	if r.account.RepositoriesRegex != "" {
		o.Catalog = client.Catalog
	}
	r.over(o)
}

// texts are what a look announced.
func texts(seen feed.Seen) []string {
	var texts []string
	for _, news := range seen.News {
		text := fmt.Sprintf("%s %s:%s", news.Event.Type, news.Event.Name, news.Event.Image.Tag)
		if news.Event.Image.Earlier != "" {
			text += " moved"
		}
		texts = append(texts, text)
	}
	return texts
}

// on is a trigger of type docker on a repository of the account.
func on(repository string, more ...string) spinnaker.Trigger {
	t := spinnaker.Trigger{"type": "docker", "enabled": true, "account": "hub", "repository": repository}
	for i := 0; i+1 < len(more); i += 2 {
		t[more[i]] = more[i+1]
	}
	return t
}
