package jenkinstest_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gennaker/gennaker/jenkins/jenkinstest"
)

// TestAnswers goes through what the double answers where the kind of answer
// matters more than its content.
func TestAnswers(t *testing.T) {
	s := serve(t, jenkinstest.Options{ContextPath: "/ci"})
	job := s.Job("shop/cart", jenkinstest.Freestyle)
	job.Finished("SUCCESS", jenkinstest.File{Path: "out/a b.txt", Data: []byte("0123456789")})
	s.Job("secret", jenkinstest.Freestyle)
	reader := s.AddUser("reader", "pw", jenkinstest.OverallRead, jenkinstest.JobRead)
	finder := s.AddUser("finder", "pw", jenkinstest.OverallRead, jenkinstest.JobDiscover)
	nobody := s.AddUser("nobody", "pw")
	s.Deny("reader", "secret")
	as := func(u jenkinstest.User) func(*http.Request) {
		return func(r *http.Request) { r.SetBasicAuth(u.ID, u.Token) }
	}
	anonymous := func(r *http.Request) { r.Header.Del("Authorization") }
	styled := []string{"X-Jenkins=2.372", "X-Hudson=1.395"}
	plain := []string{"X-Jenkins=", "Date="}

	for _, test := range []struct {
		name, method, path string
		change             func(*http.Request)
		status             int
		header             []string // name=value; nothing after = means absent
		text               string
	}{
		{"API", "GET", "/api/json", nil, 200, []string{"X-Jenkins=2.372", "X-Frame-Options=deny", "Content-Type=application/json;charset=utf-8", "Set-Cookie="}, `"mode":"NORMAL"`},
		{"trailing path is ignored", "GET", "/crumbIssuer/api/json/api/json", nil, 200, nil, "crumb"},
		{"outside the context path", "GET", "/../api/json", nil, 404, plain, ""},
		{"no such job", "GET", "/job/none/api/json", nil, 404, plain, "<td>/ci/job/none/api/json</td>"},
		{"no slash", "GET", "/job/shop", nil, 302, []string{"Location=" + s.URL + "/job/shop/"}, ""},
		{"behind a proxy", "GET", "/job/shop", func(r *http.Request) { r.Header.Set("X-Forwarded-Proto", "https") }, 302,
			[]string{"Location=https" + strings.TrimPrefix(s.URL, "http") + "/job/shop/"}, ""},
		{"two slashes", "GET", "/job/shop//job/cart/1/api/json", nil, 200, nil, `"number":1`},
		{"permalink", "GET", "/job/shop/job/cart/lastSuccessfulBuild/api/json", nil, 200, nil, `"number":1`},
		{"permalink of a folder", "GET", "/job/shop/lastBuild/api/json", nil, 302, []string{"Location=" + s.URL + "/job/shop/lastBuild/api/"}, ""},
		{"job without case", "GET", "/job/SHOP/job/CART/api/json", nil, 200, nil, `"fullName":"shop/cart"`},
		{"Latin-1 name", "GET", "/job/%F6/api/json", nil, 404, nil, ""},
		{"XML", "GET", "/api/xml", nil, 500, styled, "Logging ID="},
		{"jsonp", "GET", "/api/json?jsonp=x", nil, 403, styled, "jsonp forbidden"},
		{"bad depth", "GET", "/api/json?depth=x", nil, 500, styled, "A problem occurred"},
		{"wrong token", "GET", "/api/json", func(r *http.Request) { r.SetBasicAuth("admin", "no") }, 401, []string{`WWW-Authenticate=Basic realm="Jenkins"`, "X-Jenkins="}, ""},
		{"anonymous", "GET", "/api/json", anonymous, 403, []string{"X-Jenkins=2.372"}, "Authentication required"},
		{"bearer is anonymous", "GET", "/api/json", func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+s.Admin.Token) }, 403, nil, "Authentication required"},
		{"login page", "GET", "/login", anonymous, 200, nil, "Sign in"},
		{"without Overall/Read", "GET", "/api/json", as(nobody), 403, []string{"X-Required-Permission=hudson.model.Hudson.Read"}, "nobody is missing the Overall/Read permission"},
		{"without Job/Read", "GET", "/job/secret/api/json", as(reader), 404, plain, ""},
		{"not in lists either", "GET", "/api/json?tree=jobs[name]", as(reader), 200, nil, `"jobs":[{"_class":"com.cloudbees.hudson.plugins.folder.Folder","name":"shop"}]`},
		{"Job/Discover", "GET", "/job/secret/api/json", as(finder), 403, styled, "Please login to access job secret"},
		{"without Job/Build", "POST", "/job/shop/job/cart/build", as(reader), 403,
			[]string{"X-Required-Permission=hudson.model.Item.Build", "X-You-Are-Authenticated-As=reader"}, "reader is missing the Job/Build permission"},
		{"GET to build", "GET", "/job/shop/job/cart/build", nil, 405, []string{"Allow=POST"}, "You must use POST method"},
		{"delay that is none", "POST", "/job/shop/job/cart/build?delay=abc", nil, 500, nil, ""},
		{"old form", "POST", "/job/shop/job/cart/build?json={}", nil, 201, []string{"Location=" + s.URL + "/job/shop/job/cart/"}, ""},
		{"parameters for none", "POST", "/job/shop/job/cart/buildWithParameters?A=1", nil, 500, nil, ""},
		{"plain folder cannot be built", "POST", "/job/shop/build", nil, 404, nil, ""},
		{"anonymous POST", "POST", "/job/shop/job/cart/build", anonymous, 403, plain, "No valid crumb"},
		{"password without crumb", "POST", "/job/shop/job/cart/build", func(r *http.Request) { r.SetBasicAuth("admin", "admin") }, 403, nil, "No valid crumb"},
		{"kill of a freestyle build", "POST", "/job/shop/job/cart/1/kill", nil, 302, []string{"Location=" + s.URL + "/job/shop/job/cart/1/kill/"}, ""},
		{"cancel of an unknown item", "POST", "/queue/cancelItem?id=999", nil, 404, styled, ""},
		{"queue item's page", "GET", "/queue/item/1/", nil, 404, nil, ""},
		{"feed", "GET", "/rssAll", nil, 200, nil, "<title>shop » cart #1 (stable)</title>"},
		{"whole log", "GET", "/job/shop/job/cart/1/consoleText", nil, 200, nil, "Started by user admin\nFinished: SUCCESS\n"},
		{"negative start", "GET", "/job/shop/job/cart/1/logText/progressiveText?start=-1", nil, 500, nil, ""},

		{"artifact", "GET", "/job/shop/job/cart/1/artifact/out/a%20b.txt", nil, 200, []string{"Content-Type=text/plain", "Content-Length=10", "X-Jenkins=", "Accept-Ranges=bytes"}, "0123456789"},
		{"head", "HEAD", "/job/shop/job/cart/1/artifact/out/a%20b.txt", nil, 200, []string{"Content-Length=10"}, ""},
		{"range", "GET", "/job/shop/job/cart/1/artifact/out/a%20b.txt", func(r *http.Request) { r.Header.Set("Range", "bytes=2-5") }, 206, []string{"Content-Range=bytes 2-5/10"}, "2345"},
		{"not modified", "GET", "/job/shop/job/cart/1/artifact/out/a%20b.txt", func(r *http.Request) {
			r.Header.Set("If-Modified-Since", s.Clock.Now().UTC().Format(http.TimeFormat))
		}, 304, nil, ""},
		{"view", "GET", "/job/shop/job/cart/1/artifact/out/a%20b.txt/*view*/", nil, 200, []string{"Content-Type=text/plain", "Content-Security-Policy="}, "0123456789"},
		{"directory", "GET", "/job/shop/job/cart/1/artifact/out", nil, 302, nil, ""},
		{"directory listing", "GET", "/job/shop/job/cart/1/artifact/out/", nil, 200, []string{"Content-Type=text/html;charset=utf-8", "X-Jenkins=2.372"}, "out/a b.txt"},
		{"dots", "GET", "/job/shop/job/cart/1/artifact/%2e%2e/x", nil, 404, nil, ""},
		{"encoded slash", "GET", "/job/shop/job/cart/1/artifact/out%2fa", nil, 400, nil, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			var form url.Values
			if test.method == http.MethodPost {
				form = url.Values{}
			}
			response, body := s.do(t, test.method, test.path, form, test.change)
			if response.StatusCode != test.status || !strings.Contains(body, test.text) {
				t.Errorf("%s %.300s, want %d …%s", response.Status, body, test.status, test.text)
			}
			for _, want := range test.header {
				name, value, _ := strings.Cut(want, "=")
				if got := response.Header.Get(name); got != value {
					t.Errorf("%s: %q, want %q", name, got, value)
				}
			}
		})
	}
}

func TestCrumbNeedsItsCookie(t *testing.T) {
	s := serve(t, jenkinstest.Options{})
	s.Job("cart", jenkinstest.Freestyle).SetConcurrent(true)
	password := func(r *http.Request) { r.SetBasicAuth("admin", "admin") }
	response, body := s.do(t, http.MethodGet, "/crumbIssuer/api/json", nil, password)
	crumb := strings.Split(strings.Split(body, `"crumb":"`)[1], `"`)[0]
	cookie := response.Cookies()[0]
	for _, test := range []struct {
		name   string
		form   url.Values
		change func(*http.Request)
		status int
	}{
		{"header and cookie", url.Values{}, func(r *http.Request) { password(r); r.Header.Set("Jenkins-Crumb", crumb); r.AddCookie(cookie) }, 201},
		{"form field and cookie", url.Values{"Jenkins-Crumb": {crumb}}, func(r *http.Request) { password(r); r.AddCookie(cookie) }, 201},
		{"no cookie", url.Values{}, func(r *http.Request) { password(r); r.Header.Set("Jenkins-Crumb", crumb) }, 403},
		{"another user's", url.Values{}, func(r *http.Request) {
			r.Header.Del("Authorization")
			r.Header.Set("Jenkins-Crumb", crumb)
			r.AddCookie(cookie)
		}, 403},
	} {
		if response, _ := s.do(t, http.MethodPost, "/job/cart/build", test.form, test.change); response.StatusCode != test.status {
			t.Errorf("%s: %s, want %d", test.name, response.Status, test.status)
		}
	}
	s.RotateSession()
	if response, _ := s.do(t, http.MethodPost, "/job/cart/build", url.Values{}, func(r *http.Request) {
		password(r)
		r.Header.Set("Jenkins-Crumb", crumb)
		r.AddCookie(cookie)
	}); response.StatusCode != http.StatusForbidden {
		t.Errorf("a crumb outlived its session: %s", response.Status)
	}
}

func TestQueueOfOneExecutor(t *testing.T) {
	s := serve(t, jenkinstest.Options{Executors: 1})
	one, two := s.Job("one", jenkinstest.Freestyle), s.Job("two", jenkinstest.Freestyle)
	first, second := s.queue(t, "one", 0), s.queue(t, "two", 0)
	if _, body := s.get(t, first); !strings.Contains(body, `"executable":{"_class":"hudson.model.FreeStyleBuild","number":1`) {
		t.Error(body)
	}
	if _, body := s.get(t, second); !strings.Contains(body, `"why":"Waiting for next available executor"`) || !strings.Contains(body, "Queue$BuildableItem") {
		t.Error(body)
	}
	one.Build(1).Finish("SUCCESS")
	if _, body := s.get(t, second); !strings.Contains(body, `"executable":{`) || two.Build(1) == nil {
		t.Error(body)
	}
	s.SetQuietingDown(true)
	two.Build(1).Finish("SUCCESS")
	if _, body := s.get(t, s.queue(t, "one", 0)); !strings.Contains(body, `"why":"Jenkins is about to shut down"`) {
		t.Error(body)
	}
}

func TestPlannedBuildsRunByTheClock(t *testing.T) {
	s := serve(t, jenkinstest.Options{})
	job := s.Job("cart", jenkinstest.Pipeline).Runs(func(number int, _ map[string]string) jenkinstest.Plan {
		return jenkinstest.Plan{Takes: time.Duration(number) * time.Second, Log: []string{"working"},
			Artifacts: []jenkinstest.File{{Path: "build.properties", Data: []byte("n=" + fmt.Sprint(number))}}}
	})
	s.queue(t, "cart", 0)
	if !job.Build(1).Building() {
		t.Error("over at once")
	}
	s.Advance(time.Second)
	if job.Build(1).Building() {
		t.Error("never over")
	}
	if _, body := s.get(t, "/job/cart/1/artifact/build.properties"); body != "n=1" {
		t.Error(body)
	}
	if _, body := s.get(t, "/job/cart/1/api/json?tree=duration,result"); !strings.HasSuffix(body, `"duration":1000,"result":"SUCCESS"}`) {
		t.Error(body)
	}
}

func TestPhasesOfABuild(t *testing.T) {
	s := serve(t, jenkinstest.Options{})
	for _, test := range []struct {
		kind jenkinstest.Kind
		want []string
	}{
		{jenkinstest.Freestyle, []string{
			`"building":true,"inProgress":true,"result":null`, `"building":true,"inProgress":true,"result":"SUCCESS"`,
			`"building":false,"inProgress":true,"result":"SUCCESS"`, `"building":false,"inProgress":false,"result":"SUCCESS"`}},
		{jenkinstest.Pipeline, []string{
			`"building":true,"result":null,"inProgress":true`, `"building":false,"result":"SUCCESS","inProgress":false`}},
	} {
		b := s.Job(fmt.Sprint("job-", test.kind), test.kind).Start(jenkinstest.StartOptions{})
		for _, want := range test.want {
			if _, body := s.get(t, fmt.Sprintf("/job/job-%d/1/api/json?tree=building,result,inProgress", test.kind)); !strings.Contains(body, want) {
				t.Errorf("got %s, want %s", body, want)
			}
			b.Step()
		}
	}
}

func TestZip(t *testing.T) {
	s := serve(t, jenkinstest.Options{})
	s.Job("cart", jenkinstest.Freestyle).Finished("SUCCESS",
		jenkinstest.File{Path: "a.txt", Data: []byte("1")}, jenkinstest.File{Path: "out/b.txt", Data: []byte("2")})
	for path, want := range map[string][]string{
		"*zip*/archive.zip": {"archive/a.txt", "archive/out/b.txt"},
		"out/*zip*/out.zip": {"out/b.txt"},
	} {
		_, body := s.get(t, "/job/cart/1/artifact/"+path)
		archive, err := zip.NewReader(bytes.NewReader([]byte(body)), int64(len(body)))
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, f := range archive.File {
			names = append(names, f.Name)
		}
		if !slices.Equal(names, want) {
			t.Errorf("%s: %v", path, names)
		}
	}
}

func TestChangesByRequest(t *testing.T) {
	s := serve(t, jenkinstest.Options{})
	s.Job("cart", jenkinstest.Freestyle)
	for _, test := range []struct {
		path   string
		status int
		check  string // path of the job's API afterwards
		want   int
	}{
		{"/job/cart/disable", 302, "/job/cart/api/json", 200},
		{"/job/cart/build", 409, "/job/cart/api/json", 200},
		{"/job/cart/enable", 302, "/job/cart/api/json", 200},
		{"/job/cart/confirmRename?newName=basket", 302, "/job/cart/api/json", 404},
		{"/job/basket/confirmRename?newName=basket", 400, "/job/basket/api/json", 200},
		{"/job/basket/doDelete", 302, "/job/basket/api/json", 404},
		{"/quietDown", 302, "/api/json", 200},
		{"/restart", 302, "/api/json", 503},
	} {
		if response, _ := s.post(t, test.path, url.Values{}); response.StatusCode != test.status {
			t.Errorf("%s: %s, want %d", test.path, response.Status, test.status)
		}
		if response, _ := s.get(t, test.check); response.StatusCode != test.want {
			t.Errorf("%s then: %s, want %d", test.path, response.Status, test.want)
		}
	}
	s.Advance(time.Minute)
	if response, _ := s.get(t, "/api/json"); response.StatusCode != http.StatusOK {
		t.Errorf("after the restart: %s", response.Status)
	}
}

func TestFaultsHitWhatTheyName(t *testing.T) {
	s := serve(t, jenkinstest.Options{})
	s.Job("cart", jenkinstest.Freestyle)
	end := s.Faults.Add(jenkinstest.Fault{Method: http.MethodGet, Path: "/job/cart/", Skip: 1, Times: 2, Status: 418})
	var got []int
	for range 5 {
		response, _ := s.get(t, "/job/cart/api/json")
		got = append(got, response.StatusCode)
	}
	if !slices.Equal(got, []int{200, 418, 418, 200, 200}) {
		t.Errorf("%v", got)
	}
	end()
	s.Faults.Add(jenkinstest.Fault{Probability: 0.5, Status: 418})
	hit := 0
	for range 200 {
		if response, _ := s.get(t, "/api/json"); response.StatusCode == 418 {
			hit++
		}
	}
	if hit < 60 || hit > 140 {
		t.Errorf("%d of 200 at a chance of one half", hit)
	}
	s.Faults.Clear()
	s.Faults.Add(jenkinstest.Fault{Until: s.Clock.Now().Add(time.Minute), Status: 418})
	s.Advance(time.Hour)
	if response, _ := s.get(t, "/api/json"); response.StatusCode != http.StatusOK {
		t.Error(response.Status)
	}
}

func TestCloseEndsFaultsThatWait(t *testing.T) {
	s := jenkinstest.NewServer(jenkinstest.Options{})
	s.Faults.Add(jenkinstest.Fault{Hang: true})
	done := make(chan error, 1)
	go func() {
		response, err := http.Get(s.URL + "/api/json")
		if err == nil {
			_, err = io.Copy(io.Discard, response.Body)
			err = errors.Join(err, response.Body.Close())
		}
		done <- err
	}()
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := <-done; err == nil {
		t.Error("a hanging request was answered")
	}
}

func TestListenReportsABusyAddress(t *testing.T) {
	s := serve(t, jenkinstest.Options{})
	if other, err := jenkinstest.Listen(jenkinstest.Options{Addr: strings.TrimPrefix(s.URL, "http://")}); err == nil {
		t.Error("two servers at one address", other.Close())
	}
}

// BenchmarkRender is the job list of 500 jobs in the form that polling asks for.
func BenchmarkRender(b *testing.B) {
	s := serve(b, jenkinstest.Options{})
	for i := range 500 {
		s.Job(fmt.Sprintf("service-%03d", i), jenkinstest.Freestyle).FinishedTimes(5, "SUCCESS")
	}
	b.ReportAllocs()
	for b.Loop() {
		response, body := s.get(b, "/api/json?tree=jobs[fullName,lastBuild[number,building,result,timestamp],lastCompletedBuild[number]]")
		if response.StatusCode != http.StatusOK || len(body) < 100_000 {
			b.Fatal(response.Status, len(body))
		}
	}
}
