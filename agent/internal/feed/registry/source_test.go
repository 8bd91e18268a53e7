package registry_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gennaker/gennaker/agent/internal/config"
	"github.com/gennaker/gennaker/agent/internal/feed"
	"github.com/gennaker/gennaker/agent/internal/trigger"
)

func TestNewTags(t *testing.T) {
	r := newRig(t, config.Registry{}, on("team/cart"))
	r.push(t, "team/cart", "1.0", "1.1", "latest")
	r.quiet("team/cart")
	r.quiet("team/cart")
	r.push(t, "team/cart", "1.10")
	digest := r.push(t, "team/cart", "1.9")
	seen := r.finds("team/cart", "docker team/cart:1.9", "docker team/cart:1.10")
	want := trigger.Event{Type: trigger.Docker, Source: "hub", Name: "team/cart",
		Image: &trigger.Image{Registry: r.host, Repository: "team/cart", Tag: "1.9", Digest: digest}}
	if diff := cmp.Diff(want, seen.News[0].Event); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
	if want := "docker/hub/team/cart:1.9@" + digest + "#1"; seen.News[0].Key != want {
		t.Errorf("key %q, want %q", seen.News[0].Key, want)
	}
	r.restart()
	r.quiet("team/cart")
}

func TestOneRequestWhenQuiet(t *testing.T) {
	r := newRig(t, config.Registry{}, on("team/cart"))
	r.push(t, "team/cart", "1.0", "1.1")
	r.quiet("team/cart")
	r.count("")
	for range 3 {
		r.quiet("team/cart")
	}
	if n := r.count(""); n != 3 {
		t.Errorf("three quiet looks cost %d requests, want 3", n)
	}
}

func TestMovedTagsAreNewsWhereDigestsAreTracked(t *testing.T) {
	for _, tracked := range []bool{false, true} {
		t.Run(fmt.Sprint(tracked), func(t *testing.T) {
			r := newRig(t, config.Registry{Watched: config.Watched{TrackDigests: tracked}}, on("team/cart", "tag", "stable|1.*"))
			r.push(t, "team/cart", "1.0", "stable", "nightly")
			r.quiet("team/cart")
			r.quiet("team/cart") // takes the digests over that the first list did not say
			first := r.push(t, "team/cart", "stable", "nightly")
			if !tracked {
				r.quiet("team/cart")
				return
			}
			// No trigger means nightly, so nobody asks for its digest.
			seen := r.finds("team/cart", "docker team/cart:stable moved")
			if got := seen.News[0].Event.Image.Digest; got != first {
				t.Errorf("digest %s, want %s", got, first)
			}
			r.quiet("team/cart")
			r.push(t, "team/cart", "stable")
			r.finds("team/cart", "docker team/cart:stable moved")
			r.quiet("team/cart")
		})
	}
}

func TestATagThatMovesBackIsNewsAgain(t *testing.T) {
	r := newRig(t, config.Registry{Watched: config.Watched{TrackDigests: true}}, on("team/cart", "tag", "stable"))
	first := r.push(t, "team/cart", "stable", "1")
	r.quiet("team/cart")
	r.quiet("team/cart")
	second := r.push(t, "team/cart", "stable")
	r.finds("team/cart", "docker team/cart:stable moved")
	r.tag(t, "team/cart", "1", "stable")
	seen := r.finds("team/cart", "docker team/cart:stable moved")
	if got := seen.News[0].Event.Image; got.Digest != first || got.Earlier != second {
		t.Errorf("moved from %s to %s, want from %s to %s", got.Earlier, got.Digest, second, first)
	}
	if want := "docker/hub/team/cart:stable@" + first + "#2"; seen.News[0].Key != want {
		t.Errorf("key %q, want %q", seen.News[0].Key, want)
	}
}

func TestRepositoryThatAppears(t *testing.T) {
	r := newRig(t, config.Registry{}, on("team/new"), on("team/hidden"))
	r.quiet("team/new")
	r.push(t, "team/new", "1.0")
	r.finds("team/new", "docker team/new:1.0")

	r.quiet("team/hidden")
	var tags []string
	for i := range 11 {
		tags = append(tags, fmt.Sprintf("1.%d", i))
	}
	r.push(t, "team/hidden", tags...)
	seen, err := r.look("team/hidden")
	want := "repository team/hidden appeared with 11 tags at once: they were there before and could not be seen, so none of them starts anything"
	if err != nil || len(seen.News) != 0 || seen.Problem == nil || seen.Problem.Error() != want {
		t.Errorf("found %q, problem %v, error %v", texts(seen), seen.Problem, err)
	}
	r.quiet("team/hidden")
	r.push(t, "team/hidden", "2.0")
	r.finds("team/hidden", "docker team/hidden:2.0")
}

func TestARegistryThatLosesItsTagsForAWhile(t *testing.T) {
	r := newRig(t, config.Registry{}, on("team/cart"))
	r.push(t, "team/cart", "1.0", "1.1")
	r.quiet("team/cart")
	for _, answer := range []string{`{"name":"team/cart","tags":null}`, `{"name":"team/cart","tags":["1.1"]}`, ""} {
		r.ruin(func(w http.ResponseWriter, q *http.Request) bool {
			if !strings.HasSuffix(q.URL.Path, "/tags/list") {
				return false
			}
			if answer == "" {
				w.WriteHeader(http.StatusNotFound)
			}
			fmt.Fprint(w, answer)
			return true
		})
		r.quiet("team/cart")
		r.ruin(nil)
		r.quiet("team/cart")
	}
	r.push(t, "team/cart", "1.2")
	r.finds("team/cart", "docker team/cart:1.2")
}

func TestManyNewTagsComeInParts(t *testing.T) {
	r := newRig(t, config.Registry{}, on("team/cart"))
	r.push(t, "team/cart", "old")
	r.quiet("team/cart")
	var tags, want []string
	for i := range 101 {
		tags = append(tags, fmt.Sprintf("1.%d", i))
		want = append(want, "docker team/cart:"+tags[i])
	}
	r.push(t, "team/cart", tags...)
	if seen := r.finds("team/cart", want[:100]...); !seen.More {
		t.Error("nothing says that there is more")
	}
	if seen := r.finds("team/cart", want[100:]...); seen.More {
		t.Error("there should be no more")
	}
}

func TestWhatIsLookedAt(t *testing.T) {
	chart := on("team/charts/cart", "type", "helm/oci")
	other := on("team/other", "account", "elsewhere")
	r := newRig(t, config.Registry{RepositoriesRegex: "team/.*", Skip: []string{"team/attic"},
		Watched: config.Watched{Repositories: []string{"base/alpine"}, HelmOCIRepositories: []string{"team/charts/cart", "team/charts/shop"}}},
		on("team/cart"), on("team/cart", "tag", "1.*"), chart, other)
	for _, repository := range []string{"team/attic", "team/found", "lab/x"} {
		r.push(t, repository, "1")
	}
	want := []string{"base/alpine", "team/cart", "team/charts/cart", "team/charts/shop", "team/found"}
	if diff := cmp.Diff(want, r.items()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestChartsAndImagesOfOneRepository(t *testing.T) {
	r := newRig(t, config.Registry{}, on("team/cart"), on("team/cart", "type", "helm/oci"))
	r.quiet("team/cart")
	r.push(t, "team/cart", "1.0")
	seen := r.finds("team/cart", "docker team/cart:1.0", "helm/oci team/cart:1.0")
	if seen.News[0].Key == seen.News[1].Key {
		t.Errorf("both events have the key %q", seen.News[0].Key)
	}
}

// A tag whose manifest cannot be had is a problem of its own: the others are news at once, it is once it can be had.
func TestATagThatCannotBeDescribed(t *testing.T) {
	r := newRig(t, config.Registry{}, on("team/cart"))
	r.push(t, "team/cart", "0")
	r.quiet("team/cart")
	r.push(t, "team/cart", "1", "2", "3")
	for _, fault := range []struct {
		name  string
		write func(w http.ResponseWriter)
		want  string
	}{
		{"forbidden", func(w http.ResponseWriter) { w.WriteHeader(http.StatusForbidden) },
			"answered 403 Forbidden. Check the account's username and password, and what they may read"},
		{"a digest that is none", func(w http.ResponseWriter) { w.Header().Set("Docker-Content-Digest", "sha256:xyz") },
			`it says that the digest is "sha256:xyz", which is none`},
		{"neither digest nor manifest", func(w http.ResponseWriter) { fmt.Fprint(w, "<html>Sign in</html>") }, "what it sends is no manifest"},
	} {
		r.ruin(func(w http.ResponseWriter, q *http.Request) bool {
			if !strings.HasSuffix(q.URL.Path, "/manifests/2") {
				return false
			}
			fault.write(w)
			return true
		})
		seen, err := r.look("team/cart")
		if err != nil || seen.Problem == nil || !strings.HasPrefix(seen.Problem.Error(), "image "+r.host+`/team/cart:2: registry account "hub": `+r.host) ||
			!strings.HasSuffix(seen.Problem.Error(), fault.want) {
			t.Errorf("%s: problem %v, error %v", fault.name, seen.Problem, err)
		}
		if got := texts(seen); fault.name == "forbidden" && !slices.Equal(got, []string{"docker team/cart:1", "docker team/cart:3"}) {
			t.Errorf("found %q", got)
		}
	}
	r.ruin(nil)
	r.finds("team/cart", "docker team/cart:2")
}

func TestADigestThatIsNotSaid(t *testing.T) {
	r := newRig(t, config.Registry{}, on("team/cart"))
	r.quiet("team/cart")
	digest := r.push(t, "team/cart", "1")
	r.ruin(func(w http.ResponseWriter, q *http.Request) bool { return q.Method == http.MethodHead })
	seen := r.finds("team/cart", "docker team/cart:1")
	if got := seen.News[0].Event.Image.Digest; got != digest {
		t.Errorf("digest %s, want that of the manifest, %s", got, digest)
	}
	r.ruin(nil)
	r.push(t, "team/cart", "2")
	r.ruin(func(w http.ResponseWriter, q *http.Request) bool {
		if q.Method == http.MethodGet && strings.HasSuffix(q.URL.Path, "/manifests/2") {
			w.Header().Set("Docker-Content-Digest", digest)
			fmt.Fprint(w, `{"schemaVersion": 2}`)
			return true
		}
		return q.Method == http.MethodHead
	})
	seen, err := r.look("team/cart")
	if err != nil || seen.Problem == nil || !strings.Contains(seen.Problem.Error(), `it says that the digest is "`+digest+`", and sends a manifest of digest sha256:`) {
		t.Errorf("problem %v, error %v", seen.Problem, err)
	}
}

func TestAListThatIsNoList(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer func(w http.ResponseWriter, q *http.Request)
		want   string
	}{
		{"no JSON", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }, "the list of tags is not JSON: invalid character '<' looking for beginning of value"},
		{"refused", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) },
			"answered 403 Forbidden. Check the account's username and password, and what they may read"},
		{"down", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }, "answered 502 Bad Gateway"},
		{"too much", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "10000000")
			fmt.Fprint(w, `{"tags":["`, strings.Repeat("x", 9<<20), `"]}`)
		}, "its answer has more than 8388608 bytes"},
		{"less than it said", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			fmt.Fprint(w, `{"tags":[]}`)
		}, "unexpected EOF"},
		{"too many tags", func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, `{"tags":["1"`, strings.Repeat(`,"1"`, 50_000), `]}`)
		}, "it has more than 50000 tags. Delete those that nobody needs"},
		{"pages without end", func(w http.ResponseWriter, q *http.Request) {
			w.Header().Set("Link", "<"+q.URL.Path+`?n=1>; rel="next"`)
			fmt.Fprint(w, `{"tags":["1"]}`)
		}, "its pages lead back to one that was read already"},
		{"pages elsewhere", func(w http.ResponseWriter, q *http.Request) {
			w.Header().Set("Link", `<http://169.254.169.254/latest>; rel="next"`)
			fmt.Fprint(w, `{"tags":["1"]}`)
		}, "its next page is on another host, 169.254.169.254"},
		{"a page that is no link", func(w http.ResponseWriter, q *http.Request) {
			w.Header().Set("Link", `next; rel="next"`)
			fmt.Fprint(w, `{"tags":["1"]}`)
		}, `its next page is "next", which is no link`},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, config.Registry{}, on("team/cart"))
			r.ruin(func(w http.ResponseWriter, q *http.Request) bool {
				if q.URL.Path == "/v2/" {
					return false
				}
				c.answer(w, q)
				return true
			})
			_, err := r.look("team/cart")
			if err == nil || !strings.HasPrefix(err.Error(), "image "+r.host+`/team/cart: registry account "hub": `+r.host) || !strings.HasSuffix(err.Error(), c.want) {
				t.Errorf("error %v, want %s", err, c.want)
			}
		})
	}
}

func TestPagesOfTags(t *testing.T) {
	r := newRig(t, config.Registry{PaginateSize: 2}, on("team/cart"))
	all := []string{"1", "2", "3", "not a tag", "4"}
	r.ruin(func(w http.ResponseWriter, q *http.Request) bool {
		if !strings.HasSuffix(q.URL.Path, "/tags/list") {
			return false
		}
		if q.URL.Query().Get("n") != "2" {
			t.Errorf("asked for n=%s", q.URL.Query().Get("n"))
		}
		at := slices.Index(all, q.URL.Query().Get("last")) + 1
		end := min(at+2, len(all))
		if end < len(all) {
			w.Header().Set("Link", fmt.Sprintf(`<%s?n=2&last=%s>; rel="next"`, q.URL.Path, url.QueryEscape(all[end-1])))
		}
		fmt.Fprintf(w, `{"tags":["%s"]}`, strings.Join(all[at:end], `","`))
		return true
	})
	r.quiet("team/cart")
	all = append(all, "5", "6")
	r.push(t, "team/cart", "5", "6")
	r.finds("team/cart", "docker team/cart:5", "docker team/cart:6")
	if n := r.count("GET /v2/team/cart/tags/list"); n != 3+4 {
		t.Errorf("%d pages were asked for, want 3 and then 4", n)
	}
}

func TestARegistryThatIsBusy(t *testing.T) {
	r := newRig(t, config.Registry{}, on("team/cart"))
	r.ruin(func(w http.ResponseWriter, q *http.Request) bool {
		if q.URL.Path == "/v2/" {
			return false
		}
		w.Header().Set("Retry-After", "90")
		w.WriteHeader(http.StatusTooManyRequests)
		return true
	})
	_, err := r.look("team/cart")
	if busy := (*feed.Busy)(nil); !errors.As(err, &busy) || busy.For != 90*time.Second {
		t.Errorf("error %#v, want one that asks for 90 s", err)
	}
}

// Passwords, and tokens that are good for one repository and end after a few requests.
func TestSigningIn(t *testing.T) {
	t.Run("basic", func(t *testing.T) {
		r := newRig(t, config.Registry{Username: "robot", Password: config.NewSecret("s3cret")}, on("team/cart"))
		r.ruin(func(w http.ResponseWriter, q *http.Request) bool {
			if user, password, _ := q.BasicAuth(); user == "robot" && password == "s3cret" {
				return false
			}
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			w.WriteHeader(http.StatusUnauthorized)
			return true
		})
		r.push(t, "team/cart", "1")
		r.quiet("team/cart")
		r.push(t, "team/cart", "2")
		r.finds("team/cart", "docker team/cart:2")
		r.account.Password = config.NewSecret("wr0ng")
		r.restart()
		if _, err := r.look("team/cart"); err == nil || !strings.Contains(err.Error(), "answered 401 Unauthorized. Check the account's username and password") ||
			strings.Contains(err.Error(), "wr0ng") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("bearer", func(t *testing.T) {
		r := newRig(t, config.Registry{Username: "robot", Password: config.NewSecret("s3cret")}, on("team/cart"), on("team/shop"))
		uses := map[string]int{}
		r.push(t, "team/cart", "1")
		r.push(t, "team/shop", "1")
		r.ruin(func(w http.ResponseWriter, q *http.Request) bool {
			if q.URL.Path == "/token" {
				if user, password, _ := q.BasicAuth(); user != "robot" || password != "s3cret" {
					w.WriteHeader(http.StatusUnauthorized)
					return true
				}
				scope := q.URL.Query().Get("scope")
				uses[scope] = 0
				fmt.Fprintf(w, `{"token": %q}`, scope)
				return true
			}
			scope := "repository:" + strings.Join(strings.Split(q.URL.Path, "/")[2:min(4, len(strings.Split(q.URL.Path, "/")))], "/") + ":pull"
			const good = 3
			if token := strings.TrimPrefix(q.Header.Get("Authorization"), "Bearer "); token == scope && uses[scope] < good {
				uses[scope]++
				return false
			}
			w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="http://%s/token",service="test",scope=%q`, q.Host, scope))
			w.WriteHeader(http.StatusUnauthorized)
			return true
		})
		for range 5 {
			r.quiet("team/cart")
			r.quiet("team/shop")
		}
		if n := r.count("GET /token"); n != 4 {
			t.Errorf("%d tokens were asked for, want 2 for each repository", n)
		}
	})
}
