package jenkinstest_test

import (
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gennaker/gennaker/jenkins"
	"github.com/gennaker/gennaker/jenkins/jenkinstest"
)

// rig is a Jenkins to hold the contract against: the double, or a real one.
type rig struct {
	url, user, token string
	client           *jenkins.Client
	create           func(t *testing.T, spec jobSpec) (fullName string)
	pass             func() // lets a little time pass
}

// jobSpec is a freestyle job whose builds archive files, write a line to the
// log and end after a while.
type jobSpec struct {
	name       string
	parameters []jenkinstest.Parameter
	files      map[string]string
	line       string
	seconds    int
	concurrent bool
	disabled   bool
	fails      bool
}

func TestContractOfTheDouble(t *testing.T) {
	s := serve(t, jenkinstest.Options{QuietPeriod: 2 * time.Second})
	contract(t, &rig{
		url: s.URL, user: s.Admin.ID, token: s.Admin.Token,
		client: connect(t, s.URL, s.Admin.ID, s.Admin.Token),
		create: func(_ *testing.T, spec jobSpec) string { return createDouble(s.Server, spec) },
		pass:   func() { s.Advance(500 * time.Millisecond) },
	})
}

// TestContractOfARealServer needs a master on which the user may create jobs;
// everything it makes is in jobs whose names begin with gennaker-contract-, and
// is deleted at the end.
func TestContractOfARealServer(t *testing.T) {
	address, user, token := os.Getenv("JENKINS_URL"), os.Getenv("JENKINS_USER"), os.Getenv("JENKINS_TOKEN")
	if address == "" || user == "" || token == "" {
		t.Skip("set JENKINS_URL, JENKINS_USER and JENKINS_TOKEN to hold the contract against a real Jenkins")
	}
	address = strings.TrimSuffix(address, "/")
	r := &rig{url: address, user: user, token: token, client: connect(t, address, user, token),
		pass: func() { <-time.After(200 * time.Millisecond) }}
	r.create = r.createReal
	contract(t, r)
}

func connect(t *testing.T, address, user, token string) *jenkins.Client {
	t.Helper()
	client, err := jenkins.New(jenkins.Options{Name: "contract", BaseURL: address, User: user, Token: token})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func createDouble(s *jenkinstest.Server, spec jobSpec) string {
	job := s.Job("gennaker-contract/"+spec.name, jenkinstest.Freestyle).
		SetParameters(spec.parameters...).SetConcurrent(spec.concurrent)
	job.Runs(func(int, map[string]string) jenkinstest.Plan {
		plan := jenkinstest.Plan{Takes: time.Duration(spec.seconds) * time.Second, Log: []string{spec.line}}
		for path, content := range spec.files {
			plan.Artifacts = append(plan.Artifacts, jenkinstest.File{Path: path, Data: []byte(content)})
		}
		if spec.fails {
			plan.Result = "FAILURE"
		}
		return plan
	})
	if spec.disabled {
		job.Disable()
	}
	return job.FullName()
}

// eventually lets time pass until something holds.
func (r *rig) eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(90 * time.Second)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("never happened: %s", what)
		}
		r.pass()
	}
}

// raw sends a request as it is.
func (r *rig) raw(t *testing.T, method, path string, form url.Values, user, token string) (*http.Response, string) {
	t.Helper()
	var payload io.Reader
	if form != nil {
		payload = strings.NewReader(form.Encode())
	}
	request, err := http.NewRequestWithContext(t.Context(), method, r.url+path, payload)
	if err != nil {
		t.Fatal(err)
	}
	if form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if user != "" {
		request.SetBasicAuth(user, token)
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if closeErr := response.Body.Close(); err != nil || closeErr != nil {
		t.Fatal(err, closeErr)
	}
	return response, string(body)
}

func (r *rig) get(t *testing.T, path string) (int, string) {
	t.Helper()
	response, body := r.raw(t, http.MethodGet, path, nil, r.user, r.token)
	return response.StatusCode, body
}

func jobURL(fullName string) string {
	var path strings.Builder
	for segment := range strings.SplitSeq(fullName, "/") {
		path.WriteString("/job/" + url.PathEscape(segment))
	}
	return path.String()
}

// build runs one build of a job to its end.
func (r *rig) build(t *testing.T, job string) jenkins.Build {
	t.Helper()
	queued, err := r.client.StartBuild(t.Context(), job, nil)
	if err != nil {
		t.Fatal(err)
	}
	number := r.started(t, job, queued.ID)
	var build jenkins.Build
	r.eventually(t, "the build ends", func() bool {
		build, err = r.client.Build(t.Context(), job, number)
		if err != nil {
			t.Fatal(err)
		}
		return build.Finished()
	})
	return build
}

// started waits until a queue item became a build.
func (r *rig) started(t *testing.T, job string, id int64) (number int) {
	t.Helper()
	r.eventually(t, "the build starts", func() bool {
		item, err := r.client.QueueItem(t.Context(), id)
		if jenkins.KindOf(err) == jenkins.KindNotFound {
			run, found, err := r.client.BuildOfQueueItem(t.Context(), job, id)
			if err != nil || !found {
				t.Fatal("the queue item is gone and no build carries it", err)
			}
			number = run.Number
			return true
		}
		if err != nil {
			t.Fatal(err)
		}
		number = item.Build
		return number > 0
	})
	return number
}
