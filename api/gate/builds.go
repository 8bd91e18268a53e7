package gate

import (
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/gennaker/gennaker/api/answer"
	"github.com/gennaker/gennaker/api/spinnaker"
)

func (a *API) masters(c *gin.Context) (any, error) {
	if kind := c.Query("type"); kind != "" && !strings.EqualFold(kind, "jenkins") {
		return []string{}, nil
	}
	return a.Builds.Masters(), nil
}

func (a *API) jobs(c *gin.Context) (any, error) { return a.Builds.Jobs(c, c.Param("master")) }

func (a *API) job(c *gin.Context) (any, error) {
	return a.Builds.Job(c, c.Param("master"), c.Query("job"))
}

func (a *API) builds(c *gin.Context) (any, error) {
	return a.Builds.Builds(c, c.Param("master"), c.Query("job"))
}

func (a *API) build(c *gin.Context) (any, error) {
	return a.oneBuild(c, c.Param("number"), c.Query("job"))
}

// named refuses a request without the query parameter `job`.
func named(h answer.Func) gin.HandlerFunc {
	return answer.OK(func(c *gin.Context) (any, error) {
		if c.Query("job") == "" {
			return nil, spinnaker.Invalid("query parameter job is missing, expected a name such as folder/job/name")
		}
		return h(c)
	})
}

func (a *API) oneBuild(c *gin.Context, number, job string) (any, error) {
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 1 {
		return nil, spinnaker.Invalid("build number: found %q, expected a whole number from 1", number)
	}
	return a.Builds.Build(c, c.Param("master"), job, n)
}

// buildsV2 serves the forms whose paths end in a job name, which holds slashes.
func (a *API) buildsV2(c *gin.Context) (any, error) {
	kind, job, _ := strings.Cut(strings.TrimPrefix(c.Param("rest"), "/"), "/")
	switch {
	case kind == "jobs" && job == "":
		return a.Builds.Jobs(c, c.Param("master"))
	case kind == "jobs":
		return a.Builds.Job(c, c.Param("master"), job)
	case kind == "builds":
		return a.Builds.Builds(c, c.Param("master"), job)
	case kind == "build":
		number, job, _ := strings.Cut(job, "/")
		return a.oneBuild(c, number, job)
	default:
		return nil, spinnaker.NotFound("no such address: %s", c.Request.URL.Path)
	}
}
