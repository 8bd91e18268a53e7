package igor

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/gennaker/gennaker/api/spinnaker"
)

var (
	// stopEnd and updateEnd are how the paths end that do something to a build; job names are before them.
	stopEnd   = regexp.MustCompile(`^(?:(.*)/)?stop/([0-9]+)/([0-9]+)$`)
	updateEnd = regexp.MustCompile(`^(.*)/update/([0-9]+)$`)
)

// act serves PUT /masters/{master}/jobs/{job}?parameter=value, which starts a build, and …/{job}/stop/{item}/{number} or
// …/stop/{item}/{number}?jobName=, which stops one.
//
// Source: spinnaker/spinnaker igor/igor-web build/BuildController.groovy.
func (a *API) act(c *gin.Context) (any, error) {
	master, rest := c.Param("master"), strings.Trim(c.Param("job"), "/")
	if stop := stopEnd.FindStringSubmatch(rest); stop != nil {
		return a.stop(c, master, stop)
	}
	parameters := map[string]string{}
	for name, values := range c.Request.URL.Query() {
		parameters[name] = values[len(values)-1]
	}
	return a.Builds.Start(c, a.User(c), master, rest, parameters)
}

func (a *API) stop(c *gin.Context, master string, path []string) (any, error) {
	job := path[1]
	if job == "" {
		job = c.Query("jobName")
	}
	item, err := strconv.ParseInt(path[2], 10, 64)
	if err != nil {
		return nil, spinnaker.Invalid("queue item: found %q, expected a whole number", path[2])
	}
	number, err := strconv.ParseInt(path[3], 10, 64)
	if err != nil {
		return nil, spinnaker.Invalid("build number: found %q, expected a whole number", path[3])
	}
	if err := a.Builds.Stop(c, a.User(c), master, job, item, number); err != nil {
		return nil, err
	}
	return "true", nil
}

// describe serves PATCH /masters/{master}/jobs/{job}/update/{number}.
func (a *API) describe(c *gin.Context) (any, error) {
	path := updateEnd.FindStringSubmatch(strings.Trim(c.Param("job"), "/"))
	if path == nil {
		return nil, spinnaker.NotFound("no such address: %s, expected /masters/{master}/jobs/{job}/update/{number}", c.Request.URL.Path)
	}
	number, err := positive("build number", path[2])
	if err != nil {
		return nil, err
	}
	var update struct {
		Description string `json:"description"`
	}
	if present, err := spinnaker.ReadJSON(c.Request, &update); err != nil {
		return nil, err
	} else if !present {
		return nil, spinnaker.Invalid("the request has no body, expected {\"description\": …}")
	}
	return nil, a.Builds.Describe(c, a.User(c), c.Param("master"), path[1], number, update.Description)
}

func (a *API) queued(c *gin.Context) (any, error) {
	item, err := positive("queue item", c.Param("item"))
	if err != nil {
		return nil, err
	}
	return a.Builds.Queued(c, c.Param("master"), item)
}
