package jenkins_test

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gennaker/gennaker/jenkins"
	"github.com/gennaker/gennaker/jenkins/jenkinstest"
)

// serve starts a double that ends with the test.
func serve(t testing.TB, o jenkinstest.Options) *jenkinstest.Server {
	t.Helper()
	server := jenkinstest.NewServer(o)
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return server
}

// connect makes a client of the double with the admin's API token.
func connect(t testing.TB, server *jenkinstest.Server, change func(*jenkins.Options)) *jenkins.Client {
	t.Helper()
	o := jenkins.Options{Name: "ci", BaseURL: server.URL, User: server.Admin.ID, Token: server.Admin.Token}
	if change != nil {
		change(&o)
	}
	client, err := jenkins.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestOptions(t *testing.T) {
	for _, test := range []struct {
		name, address, want string
	}{
		{"", "http://x", "jenkins master without a name"},
		{"ci", "ftp://x", `jenkins "ci": address: "ftp://x" is no http or https URL`},
		{"ci", "http://", `jenkins "ci": address: "http:" is no http or https URL`},
		{"ci", "http://u:secret@x", `jenkins "ci": address: must not contain a user or password; configure them separately`},
		{"ci", "http://u:secret@x/%zz", `jenkins "ci": address: not a URL`},
		{"ci", "http://x?token=secret", `jenkins "ci": address: "http://x" must not have a query or fragment`},
	} {
		_, err := jenkins.New(jenkins.Options{Name: test.name, BaseURL: test.address})
		if err == nil || err.Error() != test.want {
			t.Errorf("%s: got %v, want %s", test.address, err, test.want)
		}
	}
	text := jenkins.Options{Name: "ci", BaseURL: "http://u:secret@x", Token: "secret", Bearer: "secret"}
	for _, got := range []string{text.String(), text.GoString(), text.LogValue().String()} {
		if strings.Contains(got, "secret") {
			t.Errorf("options show a secret: %s", got)
		}
	}
}

func TestCheck(t *testing.T) {
	server := serve(t, jenkinstest.Options{ContextPath: "/jenkins"})
	server.SetQuietingDown(true)
	client := connect(t, server, nil)
	info := must[jenkins.Info](t)(client.Check(t.Context()))
	if info.Version != "2.372" || info.User != "admin" || info.Anonymous || !info.ShuttingDown || info.Session == "" {
		t.Errorf("%+v", info)
	}
	if info.Skew == 0 {
		t.Error("the double's clock stands at 2026-01-02, yet no skew")
	}
}

func TestListJobs(t *testing.T) {
	server := serve(t, jenkinstest.Options{RootURL: "https://elsewhere.example/ci/"})
	server.Job("cart", jenkinstest.Freestyle).FinishedTimes(3, "SUCCESS")
	server.Job("shop/a b+ü;&/api", jenkinstest.Pipeline).Start(jenkinstest.StartOptions{})
	server.Job("shop/never", jenkinstest.Freestyle)
	server.Branch("svc", "feature/x#1").Finished("FAILURE")
	server.Folder("empty")
	client := connect(t, server, nil)

	listing := must[jenkins.Listing](t)(client.ListJobs(t.Context(), "", jenkins.MaxDepth))
	now := server.Clock.Now()
	last := func(n int, building bool, result string) *jenkins.RunState {
		return &jenkins.RunState{Number: n, Building: building, Result: result, Timestamp: now}
	}
	want := []jenkins.Head{
		{FullName: "cart", Last: last(3, false, "SUCCESS"), LastCompleted: 3, NextNumber: 4},
		{FullName: "shop/a b+ü;&/api", Last: last(1, true, ""), NextNumber: 2},
		{FullName: "shop/never", NextNumber: 1},
		{FullName: "svc/feature%2Fx%231", Last: last(1, false, "FAILURE"), LastCompleted: 1, NextNumber: 2},
	}
	if diff := cmp.Diff(want, listing.Jobs); diff != "" {
		t.Error("want -, got +:\n" + diff)
	}
	if n := len(server.Log.All()); n != 1 {
		t.Errorf("%d requests, want one for the whole master", n)
	}

	shallow := must[jenkins.Listing](t)(client.ListJobs(t.Context(), "shop", 1))
	if diff := cmp.Diff([]string{"shop/a b+ü;&"}, shallow.TooDeep); diff != "" {
		t.Error(diff)
	}
	for _, head := range want {
		if history := must[jenkins.History](t)(client.Builds(t.Context(), head.FullName, 0, 1)); history.Job != head.FullName {
			t.Errorf("asked for %q, got %q", head.FullName, history.Job)
		}
	}
	if _, err := client.ListJobs(t.Context(), "cart", 1); jenkins.KindOf(err) != jenkins.KindBadAnswer {
		t.Errorf("listing a job as a folder: %v", err)
	}
}

func TestBuilds(t *testing.T) {
	server := serve(t, jenkinstest.Options{})
	server.Job("Cart", jenkinstest.Freestyle).FinishedTimes(120, "SUCCESS")
	client := connect(t, server, nil)
	for _, test := range []struct{ first, last, newest, oldest int }{
		{0, 5, 120, 116},
		{0, 100, 120, 21},
		{95, 120, 25, 1},
		{100, 300, 20, 1},
	} {
		history := must[jenkins.History](t)(client.Builds(t.Context(), "cart", test.first, test.last))
		if history.Job != "Cart" || history.NextNumber != 121 {
			t.Errorf("%+v", history)
		}
		runs := history.Runs
		if runs[0].Number != test.newest || runs[len(runs)-1].Number != test.oldest {
			t.Errorf("{%d,%d}: %d..%d", test.first, test.last, runs[0].Number, runs[len(runs)-1].Number)
		}
	}
}

func TestBuild(t *testing.T) {
	server := serve(t, jenkinstest.Options{})
	job := server.Job("shop/cart", jenkinstest.Freestyle).SetParameters(
		jenkinstest.Parameter{Name: "VERSION", Type: "String"},
		jenkinstest.Parameter{Name: "DRY", Type: "Boolean"},
		jenkinstest.Parameter{Name: "SECRET", Type: "Password"},
	)
	run := job.Start(jenkinstest.StartOptions{
		Parameters: map[string]string{"VERSION": "2.0 ü\n", "DRY": "true", "SECRET": "hidden"},
		Causes:     []jenkinstest.Cause{{User: "ann"}, {Upstream: "shop/lib", UpstreamBuild: 7}},
		Revisions: []jenkinstest.Revision{
			{Branch: "origin/feature/x", SHA1: "5f2", Remote: "https://bot:secret@git.example/shop/cart.git"},
			{Branch: "main", SHA1: "5f2", Remote: "https://git.example/shop/cart.git"},
			{Branch: "main", SHA1: "a11", Remote: "git@git.example:shop/lib.git"},
		},
		Tests: &jenkinstest.TestCount{Failed: 0, Skipped: 1, Total: 120},
	})
	run.AddArtifact(jenkinstest.File{Path: "out/build.properties"})
	started := server.Clock.Now()
	server.Advance(88 * time.Second)

	client := connect(t, server, nil)
	if build := must[jenkins.Build](t)(client.Build(t.Context(), "shop/cart", 1)); build.Finished() || !build.Building || build.Result != "" {
		t.Errorf("running build: %+v", build)
	}
	run.SetResult("SUCCESS")
	if build := must[jenkins.Build](t)(client.Build(t.Context(), "shop/cart", 1)); build.Finished() || build.Result != "SUCCESS" {
		t.Errorf("a result does not make a build finished: %+v", build)
	}
	run.Finish("SUCCESS")
	got := must[jenkins.Build](t)(client.Build(t.Context(), "shop/cart", 1))
	want := jenkins.Build{
		Run: jenkins.Run{
			RunState: jenkins.RunState{Number: 1, Result: "SUCCESS", Timestamp: started},
			Duration: 88 * time.Second, URL: server.URL + "/job/shop/job/cart/1/",
			DisplayName: "#1", FullDisplayName: "shop » cart #1", QueueID: 1,
		},
		Job:       "shop/cart",
		Artifacts: []jenkins.Artifact{{FileName: "build.properties", DisplayPath: "build.properties", RelativePath: "out/build.properties"}},
		Tests:     []jenkins.Tests{{Skipped: 1, Total: 120, URLName: "testReport"}},
		SCM: []jenkins.Revision{
			{Name: "origin/feature/x", Branch: "x", SHA1: "5f2", RemoteURL: "https://git.example/shop/cart.git"},
			{Name: "main", Branch: "main", SHA1: "a11", RemoteURL: "git@git.example:shop/lib.git"},
		},
		Parameters: []jenkins.Parameter{{Name: "VERSION", Value: "2.0 ü\n"}, {Name: "DRY", Value: true}, {Name: "SECRET"}},
		Causes: []jenkins.Cause{
			{Description: "Started by user ann", UserID: "ann"},
			{Description: `Started by upstream project "shop/lib" build number 7`, UpstreamProject: "shop/lib", UpstreamBuild: 7},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("want -, got +:\n" + diff)
	}
	if !got.Finished() || !got.Ended().Equal(started.Add(88*time.Second)) {
		t.Errorf("finished %t at %s", got.Finished(), got.Ended())
	}
}

func TestBuildTellsTheSpelling(t *testing.T) {
	server := serve(t, jenkinstest.Options{ContextPath: "/ci", RootURL: "https://jenkins.example/x/y"})
	server.Job("Team/My App", jenkinstest.Freestyle).Finished("SUCCESS")
	server.Branch("svc", "Feature/x").Finished("SUCCESS")
	client := connect(t, server, nil)
	for asked, want := range map[string]string{
		"team/my app": "Team/My App", "Team/My App": "Team/My App", "svc/feature%2Fx": "svc/Feature%2Fx", "svc/Feature%2Fx": "svc/Feature%2Fx",
	} {
		if build := must[jenkins.Build](t)(client.Build(t.Context(), asked, 1)); build.Job != want {
			t.Errorf("asked for %q, got %q, want %q", asked, build.Job, want)
		}
	}
}

func TestArtifact(t *testing.T) {
	server := serve(t, jenkinstest.Options{})
	job := server.Job("cart", jenkinstest.Freestyle)
	job.Finished("SUCCESS",
		jenkinstest.File{Path: "out/a b/r#1.txt", Data: []byte("one")},
		jenkinstest.File{Path: "out/ü.txt", Data: []byte("two")},
		jenkinstest.File{Path: "empty"},
		jenkinstest.File{Path: "report.html", Data: []byte("<html>")},
		jenkinstest.File{Path: "cut", Data: []byte("0123456789"), Truncate: 4},
		jenkinstest.File{Path: "login", Data: []byte("x"), HTML: true},
		jenkinstest.File{Path: "listed", ListedOnly: true},
		jenkinstest.File{Path: "secret", Status: 403},
	)
	client := connect(t, server, nil)
	read := func(path string, limit int64) (string, error) {
		file, err := client.Artifact(t.Context(), "cart", 1, path, limit)
		if err != nil {
			return "", err
		}
		data, err := io.ReadAll(file)
		if closeErr := file.Close(); closeErr != nil {
			t.Errorf("%s: close: %v", path, closeErr)
		}
		return string(data), err
	}
	for _, test := range []struct {
		path, want string
		limit      int64
		kind       jenkins.Kind
		text       string
	}{
		{"out/a b/r#1.txt", "one", 3, "", ""},
		{"out/ü.txt", "two", 100, "", ""},
		{"empty", "", 0, "", ""},
		{"report.html", "<html>", 10, "", ""},
		{"out/ü.txt", "", 2, jenkins.KindTooLarge, "is larger than"},
		{"cut", "0123", 100, jenkins.KindTruncated, `jenkins "ci": read artifact "cut" of "cart" #1: Answer of ci was cut off after 4 bytes`},
		{"login", "", 100, jenkins.KindNotFile, `jenkins "ci": read artifact "login" of "cart" #1: ci answered an HTML page instead of the file`},
		{"listed", "", 100, jenkins.KindNotFound, `jenkins "ci": read artifact "listed" of "cart" #1: 404 Not Found: Artifact listed of cart #1 not found on ci`},
		{"none", "", 100, jenkins.KindNotFound, "404 Not Found"},
		{"secret", "", 100, jenkins.KindForbidden, "403 Forbidden"},
		{"out", "", 100, jenkins.KindLogin, "302 Found"},
	} {
		got, err := read(test.path, test.limit)
		if got != test.want || jenkins.KindOf(err) != test.kind {
			t.Errorf("%s: got %q, %v; want %q, %s", test.path, got, err, test.want, test.kind)
		}
		if err != nil && !strings.Contains(err.Error(), test.text) {
			t.Errorf("%s: got  %v\nwant %s", test.path, err, test.text)
		}
	}
}

func TestFindArtifact(t *testing.T) {
	list := func(paths ...string) []jenkins.Artifact {
		var all []jenkins.Artifact
		for _, p := range paths {
			all = append(all, jenkins.Artifact{FileName: p[strings.LastIndexByte(p, '/')+1:], RelativePath: p})
		}
		return all
	}
	for _, test := range []struct {
		name    string
		in      []jenkins.Artifact
		want    string
		matches int
	}{
		{"b.properties", list("a/b.properties", "b.properties", "z/b.properties"), "b.properties", 3},
		{"b.properties", list("a/b.properties", "z/b.properties"), "a/b.properties", 2},
		{"z/b.properties", list("a/b.properties", "z/b.properties"), "z/b.properties", 1},
		{"**/b*.yml", list("a/b.properties", "a/c/b1.yml"), "a/c/b1.yml", 1},
		{"*/b.yml", list("a/c/b.yml", "a/b.yml"), "a/b.yml", 1},
		{"[x", list("[x"), "[x", 1},
		{"none", list("a"), "", 0},
	} {
		found, matches := jenkins.FindArtifact(test.in, test.name)
		if found.RelativePath != test.want || matches != test.matches {
			t.Errorf("%s: got %q, %d matches; want %q, %d", test.name, found.RelativePath, matches, test.want, test.matches)
		}
	}
}

func TestLog(t *testing.T) {
	server := serve(t, jenkinstest.Options{})
	run := server.Job("cart", jenkinstest.Freestyle).Start(jenkinstest.StartOptions{})
	client := connect(t, server, nil)
	first := must[jenkins.LogPart](t)(client.Log(t.Context(), "cart", 1, 0, 1000))
	if first.Text != "Started by user admin\n" || !first.More || first.Next <= int64(len(first.Text)) {
		t.Errorf("hidden notes count in Next but do not show: %+v", first)
	}
	run.AppendLog("line one\nline two\n")
	run.Finish("SUCCESS")
	second := must[jenkins.LogPart](t)(client.Log(t.Context(), "cart", 1, first.Next, 1000))
	if second.Text != "line one\nline two\nFinished: SUCCESS\n" || second.More || second.Cut {
		t.Errorf("%+v", second)
	}
	if part := must[jenkins.LogPart](t)(client.Log(t.Context(), "cart", 1, second.Next+1, 1000)); !part.Replaced {
		t.Errorf("a start beyond the end must show as a new log: %+v", part)
	}
	if part := must[jenkins.LogPart](t)(client.Log(t.Context(), "cart", 1, first.Next, 4)); part.Text != "line" || !part.Cut {
		t.Errorf("%+v", part)
	}
	if tail := must[jenkins.LogPart](t)(client.LogTail(t.Context(), "cart", 1, 22)); tail.Text != "Finished: SUCCESS\n" {
		t.Errorf("tail %q", tail.Text)
	}
	if _, err := client.Log(t.Context(), "cart", 9, 0, 10); jenkins.KindOf(err) != jenkins.KindNotFound {
		t.Errorf("log of no build: %v", err)
	}
}

func TestSlowFileIsGivenUpAndSlowReaderIsNot(t *testing.T) {
	server := serve(t, jenkinstest.Options{})
	server.Job("cart", jenkinstest.Freestyle).Finished("SUCCESS",
		jenkinstest.File{Path: "slow", Data: make([]byte, 100), PerSecond: 1},
		jenkinstest.File{Path: "fast", Data: make([]byte, 8<<20)})
	client := connect(t, server, func(o *jenkins.Options) { o.Timeout = 700 * time.Millisecond })

	slow := must[*jenkins.File](t)(client.Artifact(t.Context(), "cart", 1, "slow", 1000))
	_, err := io.ReadAll(slow)
	if jenkins.KindOf(err) != jenkins.KindTimeout || !strings.Contains(err.Error(), "stopped sending after ") {
		t.Errorf("slow file: %v", err)
	}
	if err := slow.Close(); err != nil {
		t.Error(err)
	}

	fast := must[*jenkins.File](t)(client.Artifact(t.Context(), "cart", 1, "fast", 8<<20))
	if _, err := io.ReadFull(fast, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	<-time.After(1500 * time.Millisecond) // the reader is busy elsewhere for longer than the limit
	if data, err := io.ReadAll(fast); err != nil || len(data) != 8<<20-1 {
		t.Errorf("%d bytes, %v", len(data), err)
	}
	if err := fast.Close(); err != nil {
		t.Error(err)
	}
}

func TestCallerGivesUp(t *testing.T) {
	server := serve(t, jenkinstest.Options{})
	server.Faults.Add(jenkinstest.Fault{Hang: true})
	client := connect(t, server, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := client.ListJobs(ctx, "", 1)
	if jenkins.KindOf(err) != jenkins.KindCanceled || context.Cause(ctx) == nil {
		t.Errorf("got %v", err)
	}
	if err == nil || err.Error() != `jenkins "ci": list jobs: given up: context deadline exceeded` {
		t.Errorf("got %v", err)
	}
}
