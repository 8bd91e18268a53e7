package igor

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
)

// calls are builds that say what was asked of them.
type calls struct {
	noBuilds
	said string
}

// noBuilds has the methods of Builds that these tests do not call.
type noBuilds struct{ Builds }

func (c *calls) Builds(context.Context, string, string) ([]map[string]any, error) { return nil, nil }

func (c *calls) Start(_ context.Context, user, master, job string, parameters map[string]string) (int64, error) {
	var pairs []string
	for _, key := range slices.Sorted(maps.Keys(parameters)) {
		pairs = append(pairs, key+"="+parameters[key])
	}
	c.said = fmt.Sprintf("%s starts %s %s with %s", user, master, job, strings.Join(pairs, ","))
	return 7, nil
}

func (c *calls) Stop(_ context.Context, user, master, job string, item, number int64) error {
	c.said = fmt.Sprintf("%s stops %s %s item %d build %d", user, master, job, item, number)
	return nil
}

func (c *calls) Describe(_ context.Context, user, master, job string, number int64, text string) error {
	c.said = fmt.Sprintf("%s describes %s %s build %d: %s", user, master, job, number, text)
	return nil
}

// Job names hold slashes, and words that are parts of addresses too: addresses are taken apart from the right.
func TestActingAddresses(t *testing.T) {
	gin.SetMode(gin.ReleaseMode)
	for _, test := range []struct{ method, target, said string }{
		{http.MethodPut, "/masters/ci/jobs/a/job/b?x=1&y=2&x=3", "ann starts ci a/job/b with x=3,y=2"},
		{http.MethodPut, "/masters/ci/jobs/stop/job/update", "ann starts ci stop/job/update with "},
		{http.MethodPut, "/masters/ci/jobs/a/job/b/stop/12/3", "ann stops ci a/job/b item 12 build 3"},
		{http.MethodPut, "/masters/ci/jobs/stop/job/x/stop/0/3", "ann stops ci stop/job/x item 0 build 3"},
		{http.MethodPut, "/masters/ci/jobs/stop/12/0?jobName=a/job/b", "ann stops ci a/job/b item 12 build 0"},
		{http.MethodPut, "/masters/ci/jobs/a%2Fjob%2Fb", "ann starts ci a/job/b with "},
		{http.MethodPatch, "/masters/ci/jobs/a/job/update/update/4", "ann describes ci a/job/update build 4: d"},
		{http.MethodPatch, "/masters/ci/jobs/a/update/0", ""},
		{http.MethodPatch, "/masters/ci/jobs/update/4", ""},
	} {
		builds := &calls{}
		router := gin.New()
		router.UseRawPath = true
		(&API{Builds: builds, User: func(*gin.Context) string { return "ann" }}).Register(router)
		router.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(test.method, test.target, strings.NewReader(`{"description":"d"}`)))
		if builds.said != test.said {
			t.Errorf("%s %s: %q, want %q", test.method, test.target, builds.said, test.said)
		}
	}
}
