package jenkins_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gennaker/gennaker/jenkins"
	"github.com/gennaker/gennaker/jenkins/jenkinstest"
	"github.com/gennaker/gennaker/jenkins/properties"
)

func TestStartAndFollow(t *testing.T) {
	server := serve(t, jenkinstest.Options{QuietPeriod: 5 * time.Second})
	server.Job("cart", jenkinstest.Freestyle)
	client := connect(t, server, nil)
	ctx := t.Context()

	first := must[jenkins.Queued](t)(client.StartBuild(ctx, "cart", nil))
	if again := must[jenkins.Queued](t)(client.StartBuild(ctx, "cart", nil)); again.ID != first.ID {
		t.Errorf("an equal waiting build gives the same item: %v, %v", first, again)
	}
	item := must[jenkins.QueueItem](t)(client.QueueItem(ctx, first.ID))
	if item.Why != "In the quiet period. Expires in 5.0 sec" || item.Build != 0 {
		t.Errorf("%+v", item)
	}
	if queue := must[[]jenkins.QueueItem](t)(client.Queue(ctx)); len(queue) != 1 || queue[0].ID != first.ID {
		t.Errorf("%+v", queue)
	}
	server.HoldExecutables(true)
	server.Advance(5 * time.Second)
	if item := must[jenkins.QueueItem](t)(client.QueueItem(ctx, first.ID)); item.Build != 0 || item.Cancelled {
		t.Errorf("left, but no build shows yet: %+v", item)
	}
	server.HoldExecutables(false)
	if item := must[jenkins.QueueItem](t)(client.QueueItem(ctx, first.ID)); item.Build != 1 {
		t.Errorf("%+v", item)
	}

	blocked := must[jenkins.Queued](t)(client.StartBuild(ctx, "cart", nil))
	server.Advance(6 * time.Second)
	if item := must[jenkins.QueueItem](t)(client.QueueItem(ctx, blocked.ID)); !strings.HasPrefix(item.Why, "Build #1 is already in progress") {
		t.Errorf("%+v", item)
	}
	if err := client.CancelQueueItem(ctx, blocked.ID); err != nil {
		t.Error(err)
	}
	if item := must[jenkins.QueueItem](t)(client.QueueItem(ctx, blocked.ID)); !item.Cancelled || item.Build != 0 {
		t.Errorf("%+v", item)
	}
	if err := client.CancelQueueItem(ctx, 999); err != nil {
		t.Errorf("an unknown item is as good as cancelled: %v", err)
	}

	server.Advance(6 * time.Minute)
	_, err := client.QueueItem(ctx, first.ID)
	if jenkins.KindOf(err) != jenkins.KindNotFound || !strings.HasSuffix(err.Error(), "Queued job '1' not found for master 'ci'.") {
		t.Errorf("forgotten item: %v", err)
	}
	if run, ok, err := client.BuildOfQueueItem(ctx, "cart", first.ID); err != nil || !ok || run.Number != 1 {
		t.Errorf("%+v %t %v", run, ok, err)
	}

	if err := client.StopBuild(ctx, "cart", 1, jenkins.Stop); err != nil {
		t.Error(err)
	}
	if err := client.Describe(ctx, "cart", 1, "geprüft ✓"); err != nil {
		t.Error(err)
	}
	build := must[jenkins.Build](t)(client.Build(ctx, "cart", 1))
	if build.Result != "ABORTED" || build.Description != "geprüft ✓" {
		t.Errorf("%+v", build)
	}
	if err := client.StopBuild(ctx, "cart", 1, jenkins.Stop); err != nil {
		t.Errorf("stopping a finished build: %v", err)
	}
}

func TestStartWithParameters(t *testing.T) {
	server := serve(t, jenkinstest.Options{QuietPeriod: time.Second})
	server.Job("plain", jenkinstest.Freestyle)
	server.Job("off", jenkinstest.Freestyle).Disable()
	job := server.Job("shop/cart", jenkinstest.Pipeline).SetParameters(
		jenkinstest.Parameter{Name: "VERSION", Type: "String", Default: "1.0"},
		jenkinstest.Parameter{Name: "ENV", Type: "Choice", Choices: []string{"dev", "prod"}},
		jenkinstest.Parameter{Name: "SECRET", Type: "Password"},
	).SetConcurrent(true)
	client := connect(t, server, nil)
	ctx := t.Context()

	one := must[jenkins.Queued](t)(client.StartBuild(ctx, "shop/cart", map[string]string{"VERSION": "2 ü", "ENV": "prod", "SECRET": "hush", "unknown": "x"}))
	same := must[jenkins.Queued](t)(client.StartBuild(ctx, "shop/cart", map[string]string{"VERSION": "2 ü", "ENV": "prod", "SECRET": "hush"}))
	other := must[jenkins.Queued](t)(client.StartBuild(ctx, "shop/cart", nil))
	if !same.Merged || same.ID != one.ID || other.ID == one.ID || other.Merged {
		t.Errorf("%v %v %v", one, same, other)
	}
	if item := must[jenkins.QueueItem](t)(client.QueueItem(ctx, one.ID)); item.Params != "\nVERSION=2 ü\nENV=prod\nSECRET=****" {
		t.Errorf("%q", item.Params)
	}
	server.Advance(time.Second)
	want := []jenkins.Parameter{{Name: "VERSION", Value: "2 ü"}, {Name: "ENV", Value: "prod"}, {Name: "SECRET"}}
	if diff := cmp.Diff(want, must[jenkins.Build](t)(client.Build(ctx, job.FullName(), 1)).Parameters); diff != "" {
		t.Error(diff)
	}
	for _, request := range server.Log.All() {
		if request.Method == http.MethodPost && request.Query != "" {
			t.Errorf("parameters in the address end up in access logs: %s", request.Query)
		}
	}

	for _, test := range []struct {
		job        string
		parameters map[string]string
		want       string
	}{
		{"shop/cart", map[string]string{"ENV": "moon"}, `jenkins "ci": start "shop/cart": ` + "`moon` is not a valid choice for `ENV`. Valid choices are: dev, prod"},
		{"plain", map[string]string{"A": "1"}, `jenkins "ci": start "plain": job : plain, passing params to a job which doesn't need them`},
		{"off", nil, `jenkins "ci": start "off": Job 'off' is not buildable. It may be disabled.`},
		{"shop", nil, `jenkins "ci": start "shop": Job 'shop' is not buildable. It may be disabled.`},
		{"none", nil, `jenkins "ci": read job "none": 404 Not Found: Job none not found on ci, or admin may not read it`},
	} {
		_, err := client.StartBuild(ctx, test.job, test.parameters)
		if err == nil || err.Error() != test.want {
			t.Errorf("got  %v\nwant %s", err, test.want)
		}
	}
	info := must[jenkins.JobInfo](t)(client.JobInfo(ctx, "shop/cart"))
	if diff := cmp.Diff([]string{"a", "b"}, info.Unknown(map[string]string{"b": "", "a": "", "ENV": "dev"})); diff != "" {
		t.Error(diff)
	}
}

func TestCrumbs(t *testing.T) {
	server := serve(t, jenkinstest.Options{})
	server.Job("cart", jenkinstest.Freestyle).SetConcurrent(true)
	password := func(o *jenkins.Options) { o.Token = server.Admin.Password }
	for _, test := range []struct {
		name    string
		change  func(*jenkins.Options)
		crumbs  int // requests for one
		refused int // changes without a valid one
	}{
		{"token needs none", nil, 0, 0},
		{"password gets one when asked and keeps it", password, 1, 1},
		{"csrf: true gets it first", func(o *jenkins.Options) { password(o); o.CSRF = true }, 1, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			server.Log.Reset()
			client := connect(t, server, test.change)
			for range 3 {
				must[jenkins.Queued](t)(client.StartBuild(t.Context(), "cart", nil))
			}
			crumbs := server.Log.Count(http.MethodGet, "/crumbIssuer")
			posts := server.Log.Count(http.MethodPost, "/build")
			if crumbs != test.crumbs || posts != 3+test.refused {
				t.Errorf("%d crumbs, %d posts", crumbs, posts)
			}
		})
	}
	t.Run("a lost session gets a new one", func(t *testing.T) {
		client := connect(t, server, password)
		must[jenkins.Queued](t)(client.StartBuild(t.Context(), "cart", nil))
		server.RotateSession()
		must[jenkins.Queued](t)(client.StartBuild(t.Context(), "cart", nil))
	})
	t.Run("issuer off", func(t *testing.T) {
		server := serve(t, jenkinstest.Options{NoCrumbs: true})
		server.Job("cart", jenkinstest.Freestyle)
		client := connect(t, server, func(o *jenkins.Options) { o.CSRF = true })
		must[jenkins.Queued](t)(client.StartBuild(t.Context(), "cart", nil))
	})
	t.Run("refused for ever", func(t *testing.T) {
		server.Faults.Add(jenkinstest.Fault{Method: http.MethodPost, Status: 403, Body: "No valid crumb was included in the request"})
		_, err := connect(t, server, nil).StartBuild(t.Context(), "cart", nil)
		if jenkins.KindOf(err) != jenkins.KindCrumb || !strings.HasSuffix(err.Error(), "ci rejected the crumb; use an API token") {
			t.Error(err)
		}
	})
}

func TestTestReport(t *testing.T) {
	server := serve(t, jenkinstest.Options{})
	job := server.Job("cart", jenkinstest.Freestyle)
	long := strings.Repeat("ü", 5000)
	job.Start(jenkinstest.StartOptions{Tests: &jenkinstest.TestCount{Failed: 3, Skipped: 1, Total: 10, Failures: []jenkinstest.TestFailure{
		{Class: "a.B", Name: "one", Details: "want 1"}, {Class: "a.B", Name: "two", Details: long}, {Class: "a.B", Name: "three"},
	}}}).Finish("UNSTABLE")
	job.Finished("SUCCESS")
	client := connect(t, server, nil)
	report := must[jenkins.TestReport](t)(client.TestReport(t.Context(), "cart", 1, 2))
	if report.Passed != 6 || report.Failed != 3 || report.Skipped != 1 || len(report.Failures) != 2 {
		t.Errorf("%+v", report)
	}
	if first := report.Failures[0]; first != (jenkins.TestFailure{Class: "a.B", Name: "one", Details: "want 1"}) {
		t.Errorf("%+v", first)
	}
	if details := report.Failures[1].Details; len(details) > 2100 || !strings.HasSuffix(details, "ü…") {
		t.Errorf("%d bytes", len(details))
	}
	if _, err := client.TestReport(t.Context(), "cart", 2, 2); jenkins.KindOf(err) != jenkins.KindNotFound {
		t.Errorf("no report: %v", err)
	}
}

func TestProperties(t *testing.T) {
	server := serve(t, jenkinstest.Options{})
	job := server.Job("team/app", jenkinstest.Freestyle)
	big := strings.Repeat("#", properties.MaxSize+1)
	job.Finished("SUCCESS",
		jenkinstest.File{Path: "out/build.properties", Data: []byte("\ufeffsemVer=1.2.1\r\nimageName=r.example\\:5000/app\\:1.2.1\r\n")},
		jenkinstest.File{Path: "build.yml", Data: []byte("a: [1]\n")},
		jenkinstest.File{Path: "x/build.json", Data: []byte(`{"x":1}`)},
		jenkinstest.File{Path: "y/build.json", Data: []byte(`{"y":1}`)},
		jenkinstest.File{Path: "empty.properties"},
		jenkinstest.File{Path: "bad.yml", Data: []byte("a: 1\nb: [\n")},
		jenkinstest.File{Path: "big.properties", Data: []byte(big)},
		jenkinstest.File{Path: "late.properties", Data: []byte("a=1"), Late: 5 * time.Second},
		jenkinstest.File{Path: "gone.properties", ListedOnly: true},
		jenkinstest.File{Path: "login.properties", HTML: true},
		jenkinstest.File{Path: "cut.properties", Data: []byte("a=1\nb=2\n"), Truncate: 4},
		jenkinstest.File{Path: "forbidden.properties", Status: 403},
	)
	job.Finished("SUCCESS")
	client := connect(t, server, nil)

	for _, test := range []struct {
		file  string
		build int
		want  map[string]any
		path  string
		hints int
	}{
		{"build.properties", 1, map[string]any{"semVer": "1.2.1", "imageName": "r.example:5000/app:1.2.1"}, "out/build.properties", 0},
		{"build.yml", 1, map[string]any{"a": []any{int64(1)}}, "build.yml", 0},
		{"build.json", 1, map[string]any{"x": int64(1)}, "x/build.json", 1},
	} {
		found, err := client.Properties(t.Context(), "team/app", test.build, test.file)
		if err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(test.want, found.Values); diff != "" || found.Path != test.path || len(found.Hints) != test.hints {
			t.Errorf("%s: %s %v\n%s", test.file, found.Path, found.Hints, diff)
		}
	}

	for _, test := range []struct {
		file   string
		build  int
		kind   jenkins.Kind
		reason error
		later  bool
		want   string
	}{
		{"none.properties", 1, jenkins.KindProperties, properties.ErrMissing, true,
			`read property file "none.properties" of "team/app" #1: not among the archived artifacts: the build archived bad.yml, big.properties, build.yml, cut.properties, empty.properties and 6 more`},
		{"late.properties", 1, jenkins.KindProperties, properties.ErrMissing, true, `of "team/app" #1: not among the archived artifacts`},
		{"any.properties", 2, jenkins.KindProperties, properties.ErrMissing, true,
			`read property file "any.properties" of "team/app" #2: not among the archived artifacts: the build archived nothing`},
		{"empty.properties", 1, jenkins.KindProperties, properties.ErrEmpty, false, `read property file "empty.properties" of "team/app" #1: empty`},
		{"bad.yml", 1, jenkins.KindProperties, properties.ErrMalformed, false,
			`read property file "bad.yml" of "team/app" #1: line 2: malformed: did not find expected node content`},
		{"big.properties", 1, jenkins.KindProperties, properties.ErrTooLarge, false, `read property file "big.properties" of "team/app" #1: larger than 1 MiB`},
		{"gone.properties", 1, jenkins.KindNotFound, nil, true, `404 Not Found: Artifact gone.properties of team/app #1 not found on ci`},
		{"login.properties", 1, jenkins.KindNotFile, nil, true, `ci answered an HTML page instead of the file`},
		{"cut.properties", 1, jenkins.KindTruncated, nil, true, `Answer of ci was cut off after 4 bytes`},
		{"forbidden.properties", 1, jenkins.KindForbidden, nil, false, `403 Forbidden`},
		{"any.properties", 9, jenkins.KindNotFound, nil, true, `list artifacts for property file "any.properties" of "team/app" #9: 404 Not Found`},
	} {
		found, err := client.Properties(t.Context(), "team/app", test.build, test.file)
		if jenkins.KindOf(err) != test.kind || test.reason != nil && !errors.Is(err, test.reason) {
			t.Errorf("%s: %s, %v", test.file, jenkins.KindOf(err), err)
			continue
		}
		if len(found.Values) != 0 {
			t.Errorf("%s: values of a failure: %v", test.file, found.Values)
		}
		if !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), `jenkins "ci": `) {
			t.Errorf("got  %v\nwant %s", err, test.want)
		}
		if jenkins.PropertyFileMayCome(err) != test.later {
			t.Errorf("%s: may come later: %t", test.file, !test.later)
		}
	}

	server.Advance(5 * time.Second)
	if found, err := client.Properties(t.Context(), "team/app", 1, "late.properties"); err != nil || found.Values["a"] != "1" {
		t.Errorf("a late file is found once it is there: %v, %v", found, err)
	}
}
