package igor

import (
	"context"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/gennaker/gennaker/api/answer"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// Builds are the builds of the Jenkins masters, jobs by their names in Igor's form.
type Builds interface {
	Masters() []string
	Jobs(ctx context.Context, master string) ([]string, error)
	Job(ctx context.Context, master, job string) (map[string]any, error)
	Builds(ctx context.Context, master, job string) ([]map[string]any, error)
	Build(ctx context.Context, master, job string, number int64) (map[string]any, error)
	// Properties reads a property file among a build's artifacts; a missing one is a 404.
	Properties(ctx context.Context, master, job string, number int64, file string) (map[string]any, error)

	// Start asks for a build and returns its queue item, which Queued shows.
	Start(ctx context.Context, user, master, job string, parameters map[string]string) (item int64, err error)
	Queued(ctx context.Context, master string, item int64) (map[string]any, error)
	// Stop stops a build or, with number 0, takes its item out of the queue.
	Stop(ctx context.Context, user, master, job string, item, number int64) error
	Describe(ctx context.Context, user, master, job string, number int64, text string) error
}

// API serves Igor's paths.
type API struct {
	Builds Builds
	// User names the caller of a request.
	User func(*gin.Context) string
}

// Register adds the routes. Job names hold slashes, so they end the paths.
func (a *API) Register(r gin.IRouter) {
	r.GET("/masters", answer.OK(a.masters))
	r.GET("/buildServices", answer.OK(a.buildServices))
	r.GET("/jobs/:master", answer.OK(a.jobs))
	r.GET("/jobs/:master/*job", answer.OK(a.job))
	r.GET("/builds/all/:master/*job", answer.OK(a.builds))
	r.GET("/builds/status/:number/:master", answer.OK(a.status))
	r.GET("/builds/status/:number/:master/*job", answer.OK(a.status))
	r.GET("/builds/properties/:number/:file/:master", answer.OK(a.properties))
	r.GET("/builds/properties/:number/:file/:master/*job", answer.OK(a.properties))
	r.GET("/builds/queue/:master/:item", answer.OK(a.queued))
	r.PUT("/masters/:master/jobs/*job", answer.OK(a.act))
	r.PATCH("/masters/:master/jobs/*job", answer.OK(a.describe))
}

func (a *API) masters(c *gin.Context) (any, error) {
	if kind := c.Query("type"); kind != "" && !strings.EqualFold(kind, "jenkins") {
		return nil, spinnaker.Invalid("query parameter type: found %q, expected jenkins", kind)
	}
	return a.Builds.Masters(), nil
}

func (a *API) buildServices(*gin.Context) (any, error) {
	services := []gin.H{}
	for _, master := range a.Builds.Masters() {
		services = append(services, gin.H{"name": master, "buildServiceProvider": "JENKINS", "permissions": gin.H{}})
	}
	return services, nil
}

func (a *API) jobs(c *gin.Context) (any, error) { return a.Builds.Jobs(c, c.Param("master")) }

func (a *API) job(c *gin.Context) (any, error) {
	return a.Builds.Job(c, c.Param("master"), jobName(c))
}

func (a *API) builds(c *gin.Context) (any, error) {
	return a.Builds.Builds(c, c.Param("master"), jobName(c))
}

func (a *API) status(c *gin.Context) (any, error) {
	number, err := positive("build number", c.Param("number"))
	if err != nil {
		return nil, err
	}
	return a.Builds.Build(c, c.Param("master"), jobName(c), number)
}

func (a *API) properties(c *gin.Context) (any, error) {
	number, err := positive("build number", c.Param("number"))
	if err != nil {
		return nil, err
	}
	return a.Builds.Properties(c, c.Param("master"), jobName(c), number, c.Param("file"))
}

// jobName is the end of the path, or the query parameter `job`.
func jobName(c *gin.Context) string {
	if job := strings.Trim(c.Param("job"), "/"); job != "" {
		return job
	}
	return c.Query("job")
}

// positive reads a number of a path.
func positive(what, text string) (int64, error) {
	number, err := strconv.ParseInt(text, 10, 64)
	if err != nil || number < 1 {
		return 0, spinnaker.Invalid("%s: found %q, expected a whole number from 1", what, text)
	}
	return number, nil
}
