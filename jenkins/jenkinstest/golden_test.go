package jenkinstest_test

import (
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gennaker/gennaker/jenkins/jenkinstest"
)

// TestRecordings compares the double's answers with those of a real Jenkins
// 2.372 in testdata/recorded, byte for byte but for times, durations and ids. A
// recording leaves out what "…" stands for.
func TestRecordings(t *testing.T) {
	s := serve(t, jenkinstest.Options{Executors: 4})
	model(s)
	for _, test := range []struct{ file, path string }{
		{"root", "/api/json"},
		{"tree", "/api/json?tree=jobs[fullName,lastBuild[number,building],jobs[fullName,lastBuild[number,building]]]"},
		{"branch-job", "/job/svc/job/feature%252Fx-1/api/json"},
		{"build", "/job/demo/1/api/json"},
		{"branch-build", "/job/svc/job/feature%252Fx-1/1/api/json"},
		{"parameters", "/job/demo/api/json?tree=property[parameterDefinitions[name,type,description,choices,defaultParameterValue[name,value]]]"},
		{"crumb", "/crumbIssuer/api/json"},
		{"whoami", "/whoAmI/api/json"},
	} {
		t.Run(test.file, func(t *testing.T) { compare(t, s, test.file, test.path) })
	}

	item := s.queue(t, "plain", 5900*time.Millisecond)
	compare(t, s, "queue-waiting", item)
	s.Advance(6 * time.Second)
	compare(t, s, "queue-left", item)
	cancelled := s.queue(t, "plain", time.Minute)
	s.post(t, "/queue/cancelItem", url.Values{"id": {strings.Split(cancelled, "/")[3]}})
	compare(t, s, "queue-cancelled", cancelled)
}

// model is the master that was recorded.
func model(s *server) {
	demo := s.Job("demo", jenkinstest.Freestyle).SetParameters(
		jenkinstest.Parameter{Name: "VERSION", Type: "String", Default: "1.0", Description: "version to build"},
		jenkinstest.Parameter{Name: "ENV", Type: "Choice", Choices: []string{"dev", "stage", "prod"}, Description: "where"},
		jenkinstest.Parameter{Name: "DRY", Type: "Boolean"},
		jenkinstest.Parameter{Name: "NOTES", Type: "Text"},
		jenkinstest.Parameter{Name: "SECRET", Type: "Password"},
	)
	build := demo.Start(jenkinstest.StartOptions{Parameters: map[string]string{
		"VERSION": "2.0 ü", "ENV": "stage", "DRY": "true", "NOTES": "line1\nline2", "SECRET": "x"}})
	for _, path := range []string{"build.properties", "empty.txt", "out/a b/r#1.txt", "out/big.bin", "out/ü.txt"} {
		build.AddArtifact(jenkinstest.File{Path: path})
	}
	build.Finish("SUCCESS")
	s.Folder("shop")
	branch := s.Branch("svc", "feature/x-1").SetConcurrent(true)
	branch.Start(jenkinstest.StartOptions{
		Causes:    []jenkinstest.Cause{{Indexing: true}},
		Revisions: []jenkinstest.Revision{{Branch: "feature/x-1", SHA1: "a96aae093986421020832448e97b5868715fbb67", Remote: "https://git.example/shop/cart.git"}},
	}).Finish("SUCCESS")
	branch.Finished("SUCCESS")
	s.Job("off", jenkinstest.Freestyle)
	s.Job("order", jenkinstest.Freestyle).Finished("SUCCESS")
	s.Job("perf200/service-001", jenkinstest.Freestyle).FinishedTimes(4, "SUCCESS")
	s.Job("plain", jenkinstest.Freestyle).Finished("SUCCESS")
}

var changing = regexp.MustCompile(`("(?:timestamp|duration|estimatedDuration|queueId|inQueueSince|id)":)-?\d+|("crumb":")[0-9a-f]+|(queue/item/)\d+`)

func compare(t *testing.T, s *server, file, path string) {
	t.Helper()
	recorded, err := os.ReadFile(filepath.Join("testdata", "recorded", file+".json"))
	if err != nil {
		t.Fatal(err)
	}
	response, body := s.get(t, path)
	if response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", path, response.Status)
	}
	got := changing.ReplaceAllString(strings.ReplaceAll(body, s.URL, "http://127.0.0.1:18080"), "${1}${2}${3}0")
	rest := got
	for part := range strings.SplitSeq(changing.ReplaceAllString(strings.TrimSpace(string(recorded)), "${1}${2}${3}0"), "…") {
		_, after, found := strings.Cut(rest, part)
		if !found {
			t.Errorf("%s: recorded\n%s\nis not in\n%s", path, part, got)
			return
		}
		rest = after
	}
}

// server is the double with raw HTTP access.
type server struct{ *jenkinstest.Server }

func serve(t testing.TB, o jenkinstest.Options) *server {
	t.Helper()
	s := jenkinstest.NewServer(o)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return &server{s}
}

// do sends a request as the admin, by token, unless change says otherwise.
func (s *server) do(t testing.TB, method, path string, form url.Values, change func(*http.Request)) (*http.Response, string) {
	t.Helper()
	var payload io.Reader
	if form != nil {
		payload = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, payload)
	if err != nil {
		t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r.SetBasicAuth(s.Admin.ID, s.Admin.Token)
	if change != nil {
		change(r)
	}
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

func (s *server) get(t testing.TB, path string) (*http.Response, string) {
	t.Helper()
	return s.do(t, http.MethodGet, path, nil, nil)
}

func (s *server) post(t testing.TB, path string, form url.Values) (*http.Response, string) {
	t.Helper()
	return s.do(t, http.MethodPost, path, form, nil)
}

// queue asks for a build after a delay, and gives the path of its item's API.
func (s *server) queue(t testing.TB, job string, delay time.Duration) string {
	t.Helper()
	s.SetQuietPeriod(delay)
	response, _ := s.post(t, "/job/"+job+"/build", url.Values{})
	location, err := url.Parse(response.Header.Get("Location"))
	if err != nil || response.StatusCode != http.StatusCreated {
		t.Fatal(response.Status, err)
	}
	return location.Path + "api/json"
}
