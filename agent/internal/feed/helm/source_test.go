package helm_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gennaker/gennaker/agent/internal/config"
	"github.com/gennaker/gennaker/agent/internal/feed"
	"github.com/gennaker/gennaker/agent/internal/feed/helm"
	"github.com/gennaker/gennaker/agent/internal/fetch"
	"github.com/gennaker/gennaker/agent/internal/trigger"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// repository is a chart repository, and a source that looks at it.
type repository struct {
	*testing.T
	// index is what it serves; fault answers in its place.
	index string
	fault http.HandlerFunc
	// bodies counts the answers with a body.
	bodies int
	armed  []trigger.Armed
	source *helm.Source
	state  []byte
}

func newRepository(t *testing.T) *repository {
	t.Helper()
	r := &repository{T: t, armed: []trigger.Armed{{}}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		etag := fmt.Sprintf(`"%x"`, sha256.Sum256([]byte(r.index)))
		if user, password, _ := q.BasicAuth(); user != "u" || password != "p" || q.URL.Path != "/charts/index.yaml" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		if r.fault != nil {
			r.fault(w, q)
			return
		}
		w.Header().Set("ETag", etag)
		if q.Header.Get("If-None-Match") == etag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		r.bodies++
		if _, err := io.WriteString(w, r.index); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	set, err := fetch.New(t.Context(), fetch.Options{Accounts: config.Artifacts{Helm: config.Accounts[config.Helm]{Accounts: []config.Helm{{Name: "charts",
		Repository: server.URL + "/charts", BasicAuth: config.BasicAuth{Username: "u", Password: config.NewSecret("p")},
		Reach: config.Reach{AllowPrivateAddresses: true}}}}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(set.Close)
	r.source = helm.New(helm.Options{Account: "charts", Now: func() time.Time { return time.Date(2026, 8, 1, 0, 0, 0, 0, time.UTC) },
		Open: func(ctx context.Context) (io.ReadCloser, error) {
			return set.Open(ctx, spinnaker.Artifact{Type: "helm/index", ArtifactAccount: "charts"})
		},
		Armed: func(_ context.Context, eventType, account string) ([]trigger.Armed, error) {
			if eventType != trigger.Helm || account != "charts" {
				return nil, errors.New("asked for something else")
			}
			return r.armed, nil
		}})
	return r
}

// entries makes an index of entries such as "cart 1.0 ab12 2026-08-01T00:00:00Z".
func entries(all ...string) string {
	var b strings.Builder
	b.WriteString("apiVersion: v1\nentries:\n")
	last := ""
	for _, entry := range all {
		fields := append(strings.Fields(entry), "", "")
		if fields[0] != last {
			last = fields[0]
			fmt.Fprintf(&b, "  %s:\n", last)
		}
		fmt.Fprintf(&b, "  - name: %s\n    version: %q\n    digest: %q\n    created: %q\n    urls: [x.tgz]\n", fields[0], fields[1], fields[2], fields[3])
	}
	return b.String()
}

func (r *repository) look() (feed.Seen, error) {
	r.Helper()
	seen, err := r.source.Look(r.Context(), "index.yaml", r.state)
	if err == nil && seen.State != nil {
		r.state = seen.State
	}
	return seen, err
}

// finds has a look that announces exactly these.
func (r *repository) finds(want ...string) feed.Seen {
	r.Helper()
	seen, err := r.look()
	if err != nil {
		r.Fatal(err)
	}
	var got []string
	for _, news := range seen.News {
		got = append(got, news.Event.Chart.Name+" "+news.Event.Chart.Version)
	}
	if !slices.Equal(got, want) {
		r.Errorf("found %q, want %q", got, want)
	}
	return seen
}

func TestNewVersions(t *testing.T) {
	r := newRepository(t)
	r.index = entries("cart 1.9.0 a1", "shop 1.0.0 b1", "shop 0.9.0")
	r.finds()
	r.finds()
	r.index = entries("cart 1.10.0 a3", "cart 1.9.0 a1", "cart 1.9.1 a2", "shop 1.0.0 b1", "shop 1.1.0")
	seen := r.finds("cart 1.9.1", "cart 1.10.0")
	want := feed.News{Event: trigger.Event{Type: trigger.Helm, Source: "charts", Name: "cart",
		Chart: &trigger.Chart{Name: "cart", Version: "1.9.1", Digest: "a2"}}, Key: "helm/charts/cart:1.9.1@a2#1"}
	if diff := cmp.Diff(want, seen.News[0]); diff != "" {
		t.Errorf("news (-want +got):\n%s", diff)
	}
	r.finds()
}

func TestVersionsInTheOrderOfTheirCreation(t *testing.T) {
	r := newRepository(t)
	r.index = entries("cart 1.0.0 a")
	r.finds()
	r.index = entries("cart 1.0.0 a", "cart 1.0.1 c 2026-08-01T10:00:00Z", "cart 2.0.0 b 2026-08-01T09:00:00Z")
	r.finds("cart 2.0.0", "cart 1.0.1")
}

func TestAnArchiveThatChangesIsNews(t *testing.T) {
	r := newRepository(t)
	r.index = entries("cart 1.0.0 a")
	r.finds()
	r.index = entries("cart 1.0.0 changed")
	r.finds("cart 1.0.0")
}

func TestAQuietLookReadsNothing(t *testing.T) {
	r := newRepository(t)
	r.index = entries("cart 1.0.0 a")
	for range 4 {
		r.finds()
	}
	if r.bodies != 1 {
		t.Errorf("the index was sent %d times, want once", r.bodies)
	}
}

func TestManyNewVersionsComeInParts(t *testing.T) {
	r := newRepository(t)
	r.index = entries("cart 1.0.0 a")
	r.finds()
	all, want := []string{"cart 1.0.0 a"}, []string{}
	for i := 1; i <= 101; i++ {
		all = append(all, fmt.Sprintf("cart 1.%d.0 d%d", i, i))
		want = append(want, fmt.Sprintf("cart 1.%d.0", i))
	}
	r.index = entries(all...)
	if !r.finds(want[:100]...).More {
		t.Error("nothing says that there is more")
	}
	if r.finds(want[100:]...).More {
		t.Error("there should be no more")
	}
}

func TestAnIndexThatAppears(t *testing.T) {
	r := newRepository(t)
	r.index = "entries: {}"
	r.finds()
	r.index = entries("cart 1.0.0 a")
	r.finds("cart 1.0.0")

	r = newRepository(t)
	r.index = "entries: {}"
	r.finds()
	var all []string
	for i := range 11 {
		all = append(all, fmt.Sprintf("cart 1.%d.0 d%d", i, i))
	}
	r.index = entries(all...)
	want := "the index appeared with 11 versions at once: they were there before and could not be seen, so none of them starts anything"
	if seen := r.finds(); seen.Problem == nil || seen.Problem.Error() != want {
		t.Errorf("problem %v", seen.Problem)
	}
}

func TestEntriesThatMakeNoSense(t *testing.T) {
	r := newRepository(t)
	r.index = entries("cart 1.0.0 a")
	r.finds()
	r.index = entries("cart 1.0.0 a", "cart 1.1.0 b") + "  odd: 1\n"
	want := "1 entries of the index cannot be read: entries.odd: line 14: found no list of versions"
	if seen := r.finds("cart 1.1.0"); seen.Problem == nil || seen.Problem.Error() != want {
		t.Errorf("problem %v, want %s", seen.Problem, want)
	}
}

func TestAnIndexThatCannotBeRead(t *testing.T) {
	r := newRepository(t)
	r.index = entries("cart 1.0.0 a")
	r.finds()
	for _, c := range []struct {
		name, want string
		answer     http.HandlerFunc
	}{
		{"refused", "403 Forbidden", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }},
		{"a page", "the index has no `entries`: it is not the index of a chart repository", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }},
		{"cut short", "EOF", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "10000")
			fmt.Fprint(w, r.index)
		}},
	} {
		r.fault = c.answer
		if _, err := r.look(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %s", c.name, err, c.want)
		}
	}
	r.fault = nil
	r.index = entries("cart 1.0.0 a", "cart 1.0.1 b")
	r.finds("cart 1.0.1")
}

func TestNothingIsReadWithoutTriggers(t *testing.T) {
	r := newRepository(t)
	if items, err := r.source.Items(t.Context()); err != nil || !slices.Equal(items, []string{"index.yaml"}) {
		t.Errorf("items %q, %v", items, err)
	}
	r.armed = nil
	if items, err := r.source.Items(t.Context()); err != nil || len(items) != 0 {
		t.Errorf("items %q, %v", items, err)
	}
}
