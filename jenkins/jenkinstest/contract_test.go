package jenkinstest_test

import (
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/gennaker/gennaker/jenkins"
	"github.com/gennaker/gennaker/jenkins/jenkinstest"
	"github.com/gennaker/gennaker/jenkins/jobname"
	"github.com/gennaker/gennaker/jenkins/poll"
)

// contract is what our client and poller rely on.
func contract(t *testing.T, r *rig) {
	for name, test := range map[string]func(*testing.T, *rig){
		"who am I":                     contractWho,
		"tree":                         contractTree,
		"names":                        contractNames,
		"job that never ran":           contractNeverRan,
		"disabled job":                 contractDisabled,
		"queue item":                   contractQueue,
		"parameters":                   contractParameters,
		"end of a build":               contractEnd,
		"artifacts and property files": contractFiles,
		"log":                          contractLog,
		"stop and describe":            contractStop,
		"deleted build":                contractDeleted,
		"poll":                         contractPoll,
	} {
		t.Run(name, func(t *testing.T) { test(t, r) })
	}
}

func contractWho(t *testing.T, r *rig) {
	info, err := r.client.Check(t.Context())
	if err != nil || info.User != r.user || info.Anonymous || info.Version == "" {
		t.Errorf("%+v %v", info, err)
	}
	response, _ := r.raw(t, http.MethodGet, "/api/json", nil, r.user, r.token)
	if len(response.Cookies()) > 0 {
		t.Errorf("a read with a token sets cookies: %v", response.Cookies())
	}
	_, err = connect(t, r.url, r.user, "wrong").ListJobs(t.Context(), "", 1)
	if jenkins.KindOf(err) != jenkins.KindUnauthorized {
		t.Errorf("wrong token: %v", err)
	}
	if response, _ := r.raw(t, http.MethodGet, "/api/json", nil, r.user, "wrong"); response.Header.Get("WWW-Authenticate") == "" {
		t.Error("401 without WWW-Authenticate")
	}
}

func contractTree(t *testing.T, r *rig) {
	job := r.create(t, jobSpec{name: "tree"})
	for range 3 {
		r.build(t, job)
	}
	for _, test := range []struct{ tree, want string }{
		{"name,color", `tree","color":"blue"}`},
		{"name,nosuch[x]", `tree"}`},
		{"name[x]", `tree"}`},
		{"builds[number]{0,2}", `"number":3},{"_class":"hudson.model.FreeStyleBuild","number":2}]}`},
		{"builds[number]{,1}", `[{"_class":"hudson.model.FreeStyleBuild","number":3}]}`},
		{"builds[number]{2,}", `[{"_class":"hudson.model.FreeStyleBuild","number":1}]}`},
		{"builds[number]{1}", `[{"_class":"hudson.model.FreeStyleBuild","number":2}]}`},
		{"builds[number]{5,9}", `[]}`},
		{"lastBuild[number],lastBuild[result]", `"result":"SUCCESS"}}`},
		{"lastBuild", `"lastBuild":{"_class":"hudson.model.FreeStyleBuild"}}`},
	} {
		status, body := r.get(t, jobURL(job)+"/api/json?tree="+url.QueryEscape(test.tree))
		if status != http.StatusOK || !strings.HasSuffix(body, test.want) {
			t.Errorf("%s: %d %s, want …%s", test.tree, status, body, test.want)
		}
	}
	for _, bad := range []string{"builds[number", "name]", ",name", "lastBuild[]", "builds{0,1}[number]", "builds[number]{5,3}", "builds[number]{a,b}"} {
		if status, body := r.get(t, jobURL(job)+"/api/json?tree="+url.QueryEscape(bad)); status != http.StatusInternalServerError {
			t.Errorf("%s: %d %.200s", bad, status, body)
		}
	}
	long := "name," + strings.Repeat("nosuchfield,", 1000) + "color"
	if status, _ := r.get(t, jobURL(job)+"/api/json?tree="+long); status != http.StatusRequestURITooLong {
		t.Errorf("long query: %d", status)
	}
	response, body := r.raw(t, http.MethodPost, jobURL(job)+"/api/json", url.Values{"tree": {long}}, r.user, r.token)
	if response.StatusCode != http.StatusOK || !strings.Contains(body, `"color"`) {
		t.Errorf("long query as a form: %d %.200s", response.StatusCode, body)
	}
}

func contractNames(t *testing.T, r *rig) {
	for _, name := range []string{"a b+c", "ünï", "x,y=z~(1)"} {
		job := r.create(t, jobSpec{name: name})
		history, err := r.client.Builds(t.Context(), job, 0, 1)
		if err != nil || history.Job != job {
			t.Errorf("%q: got %q, %v", job, history.Job, err)
		}
	}
	job := r.create(t, jobSpec{name: "CaseMatters"})
	if history, err := r.client.Builds(t.Context(), strings.ToLower(job), 0, 1); err != nil || history.Job != job {
		t.Errorf("look-up without case: %q, %v", history.Job, err)
	}
	if _, err := r.client.Builds(t.Context(), job+"-not", 0, 1); jenkins.KindOf(err) != jenkins.KindNotFound {
		t.Errorf("no such job: %v", err)
	}
}

func contractNeverRan(t *testing.T, r *rig) {
	job := r.create(t, jobSpec{name: "never"})
	folder := ""
	if at := strings.LastIndexByte(job, '/'); at > 0 {
		folder = job[:at]
	}
	listing, err := r.client.ListJobs(t.Context(), folder, 1)
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(listing.Jobs, func(h jenkins.Head) bool { return h.FullName == job })
	if at < 0 || listing.Jobs[at].Last != nil || listing.Jobs[at].NextNumber != 1 {
		t.Errorf("%+v", listing.Jobs)
	}
	if status, _ := r.get(t, jobURL(job)+"/lastBuild/api/json"); status != http.StatusNotFound {
		t.Errorf("last build of none: %d", status)
	}
}

func contractDisabled(t *testing.T, r *rig) {
	job := r.create(t, jobSpec{name: "off", disabled: true})
	if _, err := r.client.StartBuild(t.Context(), job, nil); jenkins.KindOf(err) != jenkins.KindRejected {
		t.Errorf("start: %v", err)
	}
	response, _ := r.raw(t, http.MethodPost, jobURL(job)+"/build", url.Values{}, r.user, r.token)
	if response.StatusCode != http.StatusConflict {
		t.Errorf("raw start: %s", response.Status)
	}
}

func contractQueue(t *testing.T, r *rig) {
	job := r.create(t, jobSpec{name: "queue"})
	ask := func() int64 {
		response, _ := r.raw(t, http.MethodPost, jobURL(job)+"/build?delay=3sec", url.Values{}, r.user, r.token)
		id, err := itemOf(response)
		if err != nil || response.StatusCode != http.StatusCreated {
			t.Fatal(response.Status, err)
		}
		return id
	}
	id := ask()
	if again := ask(); again != id {
		t.Errorf("items %d and %d for equal waiting builds", id, again)
	}
	item, err := r.client.QueueItem(t.Context(), id)
	if err != nil || item.Why == "" || item.Build != 0 || item.Cancelled {
		t.Errorf("waiting: %+v %v", item, err)
	}
	number := r.started(t, job, id)
	if run, found, err := r.client.BuildOfQueueItem(t.Context(), job, id); err != nil || !found || run.Number != number {
		t.Errorf("%+v %t %v", run, found, err)
	}
	r.eventually(t, "the build ends", func() bool {
		run, err := r.client.RunOf(t.Context(), job, number)
		return err == nil && run.Finished()
	})
	id = ask()
	if err := r.client.CancelQueueItem(t.Context(), id); err != nil {
		t.Error(err)
	}
	if item, err := r.client.QueueItem(t.Context(), id); err != nil || !item.Cancelled || item.Build != 0 {
		t.Errorf("cancelled: %+v %v", item, err)
	}
	if _, err := r.client.QueueItem(t.Context(), 99_999_999); jenkins.KindOf(err) != jenkins.KindNotFound {
		t.Errorf("no such item: %v", err)
	}
}

func itemOf(response *http.Response) (int64, error) {
	location, err := url.Parse(response.Header.Get("Location"))
	if err != nil {
		return 0, err
	}
	return itemNumber(location.Path)
}

func contractParameters(t *testing.T, r *rig) {
	job := r.create(t, jobSpec{name: "parameters", parameters: []jenkinstest.Parameter{
		{Name: "VERSION", Type: "String", Default: "1.0"},
		{Name: "ENV", Type: "Choice", Choices: []string{"dev", "prod"}},
		{Name: "DRY", Type: "Boolean"},
	}})
	info, err := r.client.JobInfo(t.Context(), job)
	if err != nil || len(info.Parameters) != 3 || !info.Buildable || !slices.Equal(info.Parameters[1].Choices, []string{"dev", "prod"}) {
		t.Fatalf("%+v %v", info, err)
	}
	queued, err := r.client.StartBuild(t.Context(), job, map[string]string{"VERSION": "2 ü", "DRY": "true"})
	if err != nil {
		t.Fatal(err)
	}
	build, err := r.client.Build(t.Context(), job, r.started(t, job, queued.ID))
	if err != nil {
		t.Fatal(err)
	}
	want := []jenkins.Parameter{{Name: "VERSION", Value: "2 ü"}, {Name: "ENV", Value: "dev"}, {Name: "DRY", Value: true}}
	if !slices.Equal(build.Parameters, want) {
		t.Errorf("%v, want %v", build.Parameters, want)
	}
	response, _ := r.raw(t, http.MethodPost, jobURL(job)+"/buildWithParameters", url.Values{"ENV": {"moon"}}, r.user, r.token)
	if response.StatusCode < 400 {
		t.Errorf("a choice that is none: %s", response.Status)
	}
	plain := r.create(t, jobSpec{name: "no-parameters"})
	response, _ = r.raw(t, http.MethodPost, jobURL(plain)+"/buildWithParameters", url.Values{"A": {"1"}}, r.user, r.token)
	if response.StatusCode < 400 {
		t.Errorf("parameters for a job without: %s", response.Status)
	}
}

// contractEnd reads a build as fast as it can until it is over.
func contractEnd(t *testing.T, r *rig) {
	job := r.create(t, jobSpec{name: "end", seconds: 1, files: map[string]string{"a": "1", "b/c": "2"}})
	queued, err := r.client.StartBuild(t.Context(), job, nil)
	if err != nil {
		t.Fatal(err)
	}
	number := r.started(t, job, queued.ID)
	r.eventually(t, "the build ends", func() bool {
		build, err := r.client.Build(t.Context(), job, number)
		if err != nil {
			t.Fatal(err)
		}
		if !build.Building && build.Result == "" {
			t.Error("neither building nor with a result")
		}
		if build.Finished() && len(build.Artifacts) != 2 {
			t.Errorf("finished with %d artifacts", len(build.Artifacts))
		}
		return build.Finished()
	})
}

func contractFiles(t *testing.T, r *rig) {
	files := map[string]string{
		"build.properties": "semVer=1.2.1\r\nimageName=r.example\\:5000/app\n",
		"out/a b/r#1.txt":  "one",
		"out/plus+ü.txt":   "two",
		"empty.properties": "",
		"conf.yml":         "a: [1]\n",
	}
	job := r.create(t, jobSpec{name: "files", files: files})
	build := r.build(t, job)
	for path, want := range files {
		if !slices.ContainsFunc(build.Artifacts, func(a jenkins.Artifact) bool { return a.RelativePath == path }) {
			t.Errorf("%q is not listed in %v", path, build.Artifacts)
		}
		file, err := r.client.Artifact(t.Context(), job, build.Number, path, 1000)
		if err != nil {
			t.Error(err)
			continue
		}
		data, err := io.ReadAll(file)
		if closeErr := file.Close(); string(data) != want || err != nil || closeErr != nil {
			t.Errorf("%q: %q %v %v", path, data, err, closeErr)
		}
	}
	if _, err := r.client.Artifact(t.Context(), job, build.Number, "none", 10); jenkins.KindOf(err) != jenkins.KindNotFound {
		t.Errorf("no such file: %v", err)
	}
	found, err := r.client.Properties(t.Context(), job, build.Number, "build.properties")
	if err != nil || found.Values["semVer"] != "1.2.1" || found.Values["imageName"] != "r.example:5000/app" {
		t.Errorf("%v %v", found, err)
	}
	for _, bad := range []string{"none.properties", "empty.properties"} {
		if _, err := r.client.Properties(t.Context(), job, build.Number, bad); jenkins.KindOf(err) != jenkins.KindProperties {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func contractLog(t *testing.T, r *rig) {
	job := r.create(t, jobSpec{name: "log", line: "a line of text"})
	build := r.build(t, job)
	part, err := r.client.Log(t.Context(), job, build.Number, 0, 10_000)
	if err != nil || !strings.Contains(part.Text, "a line of text\n") || !strings.HasSuffix(part.Text, "Finished: SUCCESS\n") || part.More {
		t.Errorf("%+v %v", part, err)
	}
	if rest, err := r.client.Log(t.Context(), job, build.Number, part.Next, 10_000); err != nil || rest.Text != "" || rest.Next != part.Next || rest.Replaced {
		t.Errorf("at the end: %+v %v", rest, err)
	}
	if tail, err := r.client.LogTail(t.Context(), job, build.Number, 25); err != nil || tail.Text != "Finished: SUCCESS\n" {
		t.Errorf("tail %q %v", tail.Text, err)
	}
}

func contractStop(t *testing.T, r *rig) {
	job := r.create(t, jobSpec{name: "stop", seconds: 60})
	queued, err := r.client.StartBuild(t.Context(), job, nil)
	if err != nil {
		t.Fatal(err)
	}
	number := r.started(t, job, queued.ID)
	for range 2 { // stopping a stopped build changes nothing
		if err := r.client.StopBuild(t.Context(), job, number, jenkins.Stop); err != nil {
			t.Error(err)
		}
		r.eventually(t, "the build stops", func() bool {
			run, err := r.client.RunOf(t.Context(), job, number)
			return err == nil && run.Finished() && run.Result == "ABORTED"
		})
	}
	if err := r.client.Describe(t.Context(), job, number, "geprüft ✓"); err != nil {
		t.Error(err)
	}
	if build, err := r.client.Build(t.Context(), job, number); err != nil || build.Description != "geprüft ✓" {
		t.Errorf("%q %v", build.Description, err)
	}
}

func contractDeleted(t *testing.T, r *rig) {
	job := r.create(t, jobSpec{name: "deleted"})
	r.build(t, job)
	r.build(t, job)
	if response, _ := r.raw(t, http.MethodPost, jobURL(job)+"/2/doDelete", url.Values{}, r.user, r.token); response.StatusCode != http.StatusFound {
		t.Errorf("delete: %s", response.Status)
	}
	history, err := r.client.Builds(t.Context(), job, 0, 10)
	if err != nil || history.NextNumber != 3 || len(history.Runs) != 1 {
		t.Errorf("deleting a build lowers no number: %+v %v", history, err)
	}
	if _, err := r.client.RunOf(t.Context(), job, 2); jenkins.KindOf(err) != jenkins.KindNotFound {
		t.Errorf("deleted build: %v", err)
	}
}

// contractPoll polls two concurrent builds of which the later ends first.
func contractPoll(t *testing.T, r *rig) {
	job := r.create(t, jobSpec{name: "poll", concurrent: true, seconds: 3,
		parameters: []jenkinstest.Parameter{{Name: "N", Type: "String"}}, files: map[string]string{"build.properties": "a=1"}})
	states := map[string]poll.JobState{}
	poller := poll.New(poll.Options{Client: r.client})
	var seen []int
	cycle := func() {
		result, err := poller.Cycle(t.Context(), []string{jobname.Igor(job)}, states)
		if err != nil {
			t.Fatal(err)
		}
		for name, state := range result.States {
			states[name] = state
		}
		for _, event := range result.Events {
			seen = append(seen, event.Build.Number)
			if len(event.Build.Artifacts) != 1 || event.Build.Result == "" {
				t.Errorf("%+v", event)
			}
		}
	}
	cycle()
	for _, n := range []string{"1", "2"} {
		queued, err := r.client.StartBuild(t.Context(), job, map[string]string{"N": n})
		if err != nil {
			t.Fatal(err)
		}
		r.started(t, job, queued.ID)
	}
	r.eventually(t, "both builds are seen", func() bool {
		cycle()
		return len(seen) >= 2
	})
	cycle()
	slices.Sort(seen)
	if !slices.Equal(seen, []int{1, 2}) {
		t.Errorf("seen %v", seen)
	}
}
