package registry_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gennaker/gennaker/agent/internal/config"
	"github.com/gennaker/gennaker/agent/internal/feed"
	"github.com/gennaker/gennaker/agent/internal/feed/registry"
	"github.com/gennaker/gennaker/agent/internal/fetch/image"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// testregistry builds the registry of the test cluster, which speaks ECR's API, once.
var testregistry = sync.OnceValues(func() (string, error) {
	var progress bytes.Buffer
	build := exec.Command("../../../../scripts/testcluster/build.sh", "testregistry")
	build.Stderr = &progress
	out, err := build.Output()
	if err != nil {
		return "", fmt.Errorf("build testregistry: %w\n%s", err, &progress)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return lines[len(lines)-1], nil
})

// service is a running testregistry.
type service struct {
	testing.TB
	// Registry is the host of the anonymous registry, ECR and Admin are URLs, as its endpoints file names them.
	Registry string `json:"registry"`
	ECR      string `json:"ecr"`
	Admin    string `json:"admin"`

	mu sync.Mutex
	// requests are the calls that went through to the API.
	requests []call
}

// call is a call of the API: what it was for, and where its caller thought to be.
type call struct {
	operation, region, registry string
}

// startService runs a testregistry until the test ends and points the AWS environment at it.
func startService(t testing.TB) *service {
	t.Helper()
	binary, err := testregistry()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	command := exec.CommandContext(t.Context(), binary, "serve", "--dir", dir, "--stdin-eof")
	input, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(input.Close(), command.Wait()); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	if _, err := output.Read(make([]byte, 1)); err != nil {
		t.Fatalf("testregistry ended: %v", err)
	}
	go io.Copy(io.Discard, output) //nolint:errcheck // it ends with the process
	s := &service{TB: t}
	written, err := os.ReadFile(filepath.Join(dir, "endpoints.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(written, s); err != nil {
		t.Fatal(err)
	}
	s.listen()
	return s
}

// listen puts a recorder of calls in front of the API.
func (s *service) listen() {
	s.Helper()
	target, err := url.Parse(s.ECR)
	if err != nil {
		s.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{ErrorLog: log.New(io.Discard, "", 0), Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host
	}}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			s.Error(err)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		var in struct {
			RegistryID string `json:"registryId"`
		}
		if err := json.Unmarshal(body, &in); err != nil {
			s.Error(err)
		}
		_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		scope := strings.Split(r.Header.Get("Authorization"), "/")
		s.mu.Lock()
		s.requests = append(s.requests, call{operation, scope[min(2, len(scope)-1)], in.RegistryID})
		s.mu.Unlock()
		proxy.ServeHTTP(w, r)
	}))
	s.Cleanup(front.Close)
	s.ECR = front.URL
	for key, value := range map[string]string{
		"AWS_ENDPOINT_URL_ECR": s.ECR, "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "",
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent", "AWS_REGION": "eu-west-1",
	} {
		s.Setenv(key, value)
	}
}

// calls returns the calls since the last time.
func (s *service) calls() []call {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := s.requests
	s.requests = nil
	return calls
}

// admin asks the admin endpoint.
func (s *service) admin(method, path string, in, out any) {
	s.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		s.Fatal(err)
	}
	request, err := http.NewRequestWithContext(s.Context(), method, s.Admin+path, bytes.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		s.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		s.Fatalf("%s %s: %s %s %v", method, path, answer.Status, text, err)
	}
	if out != nil {
		if err := json.Unmarshal(text, out); err != nil {
			s.Fatal(err)
		}
	}
}

// push pushes a new image under names such as team/cart:1 and returns its digest.
func (s *service) push(names ...string) string {
	s.Helper()
	var pushed struct{ Digest string }
	s.admin(http.MethodPost, "/push", map[string]any{"images": names}, &pushed)
	return pushed.Digest
}

// ruin has calls of an operation go wrong, all of them or some.
func (s *service) ruin(operation, kind string, times int) {
	s.Helper()
	s.admin(http.MethodPost, "/faults", map[string]any{"target": "ecr", "operation": operation, "kind": kind, "times": times}, nil)
}

func (s *service) mend() {
	s.Helper()
	s.admin(http.MethodDelete, "/faults", nil, nil)
}

// ecrRig looks at an account of ECR.
type ecrRig struct {
	looker
	*service
	client *image.ECR
}

func newECRRig(t testing.TB, account config.ECR, triggers ...spinnaker.Trigger) *ecrRig {
	t.Helper()
	r := &ecrRig{looker: newLooker(t, triggers), service: startService(t)}
	r.client = connect(t, account)
	r.over(registry.Options{Watched: account.Watched, Client: r.client})
	return r
}

func connect(t testing.TB, account config.ECR) *image.ECR {
	t.Helper()
	account.Name = "hub"
	resolver, err := image.New(t.Context(), nil, []config.ECR{account})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(resolver.Close)
	return resolver.ECR("hub")
}

func TestECRAnnouncesByTimeOfPush(t *testing.T) {
	r := newECRRig(t, config.ECR{}, on("team/cart"))
	r.push("team/cart:0")
	r.quiet("team/cart")
	r.push("team/cart:9")
	r.push("team/cart:10", "team/cart:release")
	digest := r.push("team/cart:1")
	seen := r.finds("team/cart", "docker team/cart:9", "docker team/cart:10", "docker team/cart:release", "docker team/cart:1")
	image := seen.News[3].Event.Image
	if want := strings.TrimPrefix(r.ECR, "http://"); image.Registry != want || image.Digest != digest {
		t.Errorf("image %+v, want host %s and digest %s", image, want, digest)
	}
	if seen.News[1].Event.Image.Digest != seen.News[2].Event.Image.Digest {
		t.Error("two tags of one image have different digests")
	}
	r.quiet("team/cart")
}

func TestECRCostsOneCallWhenQuiet(t *testing.T) {
	r := newECRRig(t, config.ECR{Watched: config.Watched{TrackDigests: true}}, on("team/cart"))
	r.push("team/cart:1", "team/cart:2")
	r.quiet("team/cart")
	r.calls()
	r.quiet("team/cart")
	r.quiet("team/cart")
	want := []call{{"ListImages", "eu-west-1", ""}, {"ListImages", "eu-west-1", ""}}
	if diff := cmp.Diff(want, r.calls(), cmp.AllowUnexported(call{})); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestECRTagsThatMove(t *testing.T) {
	for _, tracked := range []bool{false, true} {
		t.Run(fmt.Sprint(tracked), func(t *testing.T) {
			r := newECRRig(t, config.ECR{Watched: config.Watched{TrackDigests: tracked}}, on("team/cart"))
			first := r.push("team/cart:stable")
			r.quiet("team/cart")
			second := r.push("team/cart:stable") // the first image has no tag now
			if !tracked {
				r.quiet("team/cart")
				return
			}
			seen := r.finds("team/cart", "docker team/cart:stable moved")
			if got := seen.News[0].Event.Image; got.Earlier != first || got.Digest != second {
				t.Errorf("moved from %s to %s, want from %s to %s", got.Earlier, got.Digest, first, second)
			}
			r.quiet("team/cart")
		})
	}
}

// A thousand tags are a page; what is new may be on any.
func TestECRPages(t *testing.T) {
	r := newECRRig(t, config.ECR{}, on("team/cart"))
	var names []string
	for i := range 1050 {
		names = append(names, fmt.Sprintf("team/cart:1.%d", i))
	}
	r.push(names...)
	r.quiet("team/cart")
	if calls := r.calls(); len(calls) != 2 {
		t.Errorf("calls %v, want one for each page", calls)
	}
	for i := range 5 {
		r.push(fmt.Sprintf("team/cart:2.%d", i))
	}
	r.finds("team/cart", "docker team/cart:2.0", "docker team/cart:2.1", "docker team/cart:2.2", "docker team/cart:2.3", "docker team/cart:2.4")
	r.ruin("ListImages", "empty-page", 1)
	r.push("team/cart:3")
	r.finds("team/cart", "docker team/cart:3")
}

func TestECRRepositoryThatAppears(t *testing.T) {
	r := newECRRig(t, config.ECR{}, on("team/new"))
	r.quiet("team/new")
	r.push("team/new:1")
	r.finds("team/new", "docker team/new:1")
}

func TestECRTrouble(t *testing.T) {
	r := newECRRig(t, config.ECR{}, on("team/cart"))
	r.push("team/cart:0")
	r.quiet("team/cart")
	for i, c := range []struct {
		operation, kind string
		times           int
		// want is the problem, "" for none; busy says that the account is to be left alone.
		want string
		busy bool
	}{
		{operation: "ListImages", kind: "throttling", times: 2},
		{operation: "ListImages", kind: "throttling", want: `image team/cart: ecr account "hub": ListImages: ThrottlingException: Rate exceeded`, busy: true},
		{operation: "DescribeImages", kind: "throttling", want: `image team/cart: ecr account "hub": DescribeImages: ThrottlingException: Rate exceeded`, busy: true},
		{operation: "ListImages", kind: "access-denied", want: `image team/cart: ecr account "hub": ListImages: AccessDeniedException: ` +
			"User: arn:aws:iam::123456789012:user/test is not authorized to perform: ecr:ListImages"},
		{operation: "DescribeRepositories", kind: "access-denied", want: `image team/cart: ecr account "hub": DescribeRepositories: AccessDeniedException: ` +
			"User: arn:aws:iam::123456789012:user/test is not authorized to perform: ecr:DescribeRepositories"},
		{operation: "ListImages", kind: "expired-token", times: 1},
		{operation: "DescribeImages", kind: "server-error", want: `image team/cart: ecr account "hub": DescribeImages: ServerException: These errors are usually caused by a server-side issue.`},
		{operation: "ListImages", kind: "drop", times: 1},
	} {
		t.Run(fmt.Sprint(c.operation, " ", c.kind), func(t *testing.T) {
			r.over(registry.Options{Client: connect(t, config.ECR{})})
			name := fmt.Sprintf("team/cart:%d", i+1)
			r.push(name)
			r.ruin(c.operation, c.kind, c.times)
			defer r.mend()
			if c.want == "" {
				r.finds("team/cart", "docker "+name)
				return
			}
			seen, err := r.look("team/cart")
			if err == nil {
				err = seen.Problem
			}
			if err == nil || err.Error() != c.want {
				t.Errorf("error %v, want %s", err, c.want)
			}
			if busy := (*feed.Busy)(nil); errors.As(err, &busy) != c.busy {
				t.Errorf("busy is %v, want %v", !c.busy, c.busy)
			}
			r.mend()
			r.finds("team/cart", "docker "+name)
		})
	}
}

func TestECRDescribesWhatIsStillThere(t *testing.T) {
	r := newECRRig(t, config.ECR{})
	var tags, want []string
	for i := range 5 {
		tags = append(tags, fmt.Sprint(i), fmt.Sprint("gone", i))
		want = append(want, fmt.Sprint(i))
		r.push(fmt.Sprint("team/cart:", i))
	}
	found, err := r.client.Describe(t.Context(), "team/cart", tags)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, tag := range found {
		got = append(got, tag.Name)
		if tag.Digest == "" || time.Since(tag.Pushed).Abs() > time.Hour {
			t.Errorf("tag %+v", tag)
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestECRAccountsOfSeveralRegistriesAndRegions(t *testing.T) {
	s := startService(t)
	s.push("team/cart:1")
	for _, account := range []config.ECR{{Region: "us-east-1", RegistryID: "111111111111"}, {Region: "eu-central-1", RegistryID: "222222222222"}, {}} {
		client := connect(t, account)
		if _, err := client.Tags(t.Context(), "team/cart"); err != nil {
			t.Fatal(err)
		}
		if _, err := client.Describe(t.Context(), "team/cart", []string{"1"}); err != nil {
			t.Fatal(err)
		}
		if _, err := client.Host(t.Context(), "team/cart"); err != nil {
			t.Fatal(err)
		}
		region := account.Region
		if region == "" {
			region = "eu-west-1"
		}
		want := []call{{"ListImages", region, account.RegistryID}, {"DescribeImages", region, account.RegistryID}, {"DescribeRepositories", region, account.RegistryID}}
		if diff := cmp.Diff(want, s.calls(), cmp.AllowUnexported(call{})); diff != "" {
			t.Errorf("account %+v: calls (-want +got):\n%s", account, diff)
		}
	}
}
