package gate

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// Catalog holds applications and pipeline configurations.
type Catalog interface {
	Applications(ctx context.Context) ([]spinnaker.Application, error)
	Application(ctx context.Context, name string) (spinnaker.Application, error)
	// Pipelines lists the configurations of an application, or all of them when it is "".
	Pipelines(ctx context.Context, application string) ([]spinnaker.Pipeline, error)
	// Pipeline finds a configuration by name, else by id.
	Pipeline(ctx context.Context, application, nameOrID string) (spinnaker.Pipeline, error)
	// SavePipeline returns the configuration as stored and what is odd about it.
	SavePipeline(ctx context.Context, user string, p spinnaker.Pipeline, staleCheck bool) (spinnaker.Pipeline, []string, error)
	// UpdatePipeline is SavePipeline for the configuration with that id, which must exist.
	UpdatePipeline(ctx context.Context, user, id string, p spinnaker.Pipeline, staleCheck bool) (spinnaker.Pipeline, []string, error)
	DeletePipeline(ctx context.Context, user, application, name string) error
	PipelineHistory(ctx context.Context, id string, limit int) ([]spinnaker.Pipeline, error)
	ReorderPipelines(ctx context.Context, user, application string, idsToIndices map[string]int) error
}

// Query selects executions. Empty fields do not restrict.
type Query struct {
	Type              spinnaker.ExecutionType
	IDs               []string
	Application       string
	PipelineConfigIDs []string
	PipelineName      string
	Statuses          []spinnaker.Status
	TriggerTypes      []string
	EventID           string
	// BuiltFrom and BuiltTo bound the build time, inclusive.
	BuiltFrom, BuiltTo spinnaker.Millis
	OldestFirst        bool
	Offset, Limit      int
}

// Executions are runs of pipelines, and tasks.
type Executions interface {
	Execution(ctx context.Context, id string) (*spinnaker.Execution, error)
	Executions(ctx context.Context, query Query) ([]*spinnaker.Execution, error)
	// Start starts a pipeline by hand and returns the execution's id once it is stored.
	Start(ctx context.Context, user string, p spinnaker.Pipeline, trigger spinnaker.Trigger) (id string, err error)
	// Submit starts a task and returns its id.
	Submit(ctx context.Context, user string, task Task) (id string, err error)
	Cancel(ctx context.Context, user, id, reason string) error
	Pause(ctx context.Context, user, id string) error
	Resume(ctx context.Context, user, id string) error
	// PatchStage merges values into a stage's context and returns the execution as it is then.
	PatchStage(ctx context.Context, user, id, stageID string, values map[string]any) (*spinnaker.Execution, error)
	RestartStage(ctx context.Context, user, id, stageID string) (*spinnaker.Execution, error)
	Delete(ctx context.Context, user, id string) error
	// Evaluate evaluates a text with expressions as the stage would, or as the end of the execution when stageID is "".
	Evaluate(ctx context.Context, id, stageID, text string) (result any, detail map[string]any, err error)
}

// Task is the body of POST /tasks.
type Task struct {
	Application string           `json:"application"`
	Description string           `json:"description"`
	Jobs        []map[string]any `json:"job"`
}

// Builds are the builds of the Jenkins masters, jobs by their names in Igor's form.
type Builds interface {
	Masters() []string
	Jobs(ctx context.Context, master string) ([]string, error)
	// Job returns a job's configuration in Igor's form; Builds its builds, newest first.
	Job(ctx context.Context, master, job string) (map[string]any, error)
	Builds(ctx context.Context, master, job string) ([]map[string]any, error)
	Build(ctx context.Context, master, job string, number int64) (map[string]any, error)
}

// Accounts are the deployment and artifact accounts, without their secrets.
type Accounts interface {
	Credentials() []map[string]any
	ArtifactCredentials() []map[string]any
}

// API serves Gate's paths.
type API struct {
	Catalog    Catalog
	Executions Executions
	Builds     Builds
	Accounts   Accounts
	Version    string
	// User names the caller of a request.
	User func(*gin.Context) string
}

// handler answers with a value as JSON, nothing when it is nil, or an error.
type handler func(c *gin.Context) (any, error)

func serve(status int, h handler) gin.HandlerFunc {
	return func(c *gin.Context) {
		value, err := h(c)
		switch {
		case err != nil:
			c.Error(err)
		case value == nil:
			c.Status(status)
		default:
			c.JSON(status, value)
		}
	}
}

// Register adds the routes. Names at one place of a path agree, as the router demands.
func (a *API) Register(r gin.IRouter) {
	ok := func(h handler) gin.HandlerFunc { return serve(http.StatusOK, h) }
	accepted := func(h handler) gin.HandlerFunc { return serve(http.StatusAccepted, h) }

	r.GET("/version", ok(a.version))
	r.GET("/auth/user", ok(a.authUser))
	r.GET("/credentials", ok(a.credentials))
	r.GET("/credentials/:name", ok(a.credential))
	r.GET("/artifacts/credentials", ok(a.artifactCredentials))

	r.GET("/applications", ok(a.applications))
	r.GET("/applications/:app", ok(a.application))
	r.POST("/tasks", ok(a.submitTask))
	r.GET("/tasks/:id", ok(a.task))
	r.PUT("/tasks/:id/cancel", ok(a.cancel))
	r.DELETE("/tasks/:id", ok(a.delete))
	r.GET("/applications/:app/tasks", ok(a.tasks))

	r.GET("/applications/:app/pipelineConfigs", ok(a.pipelineConfigs))
	r.GET("/applications/:app/pipelineConfigs/:name", ok(a.pipelineConfig))
	r.POST("/applications/:app/pipelineConfigs/:name", accepted(a.startPipeline))
	r.GET("/applications/:app/strategyConfigs", ok(a.none))
	r.GET("/pipelineConfigs", ok(a.allPipelineConfigs))
	r.GET("/pipelineConfigs/:id/history", ok(a.pipelineHistory))
	r.POST("/pipelines", ok(a.savePipeline))
	r.PUT("/pipelines/:id", ok(a.updatePipeline))
	r.DELETE("/pipelines/:id/:name", ok(a.deletePipeline))
	r.POST("/actions/pipelines/reorder", ok(a.reorderPipelines))

	r.POST("/pipelines/start", ok(a.startUnsaved))
	r.POST("/pipelines/:id/:name", accepted(a.startPipeline))
	r.POST("/pipelines/v2/:app/:name", accepted(a.startPipelineV2))

	r.GET("/pipelines/:id", ok(a.execution))
	r.GET("/executions", ok(a.executions))
	r.GET("/applications/:app/pipelines", ok(a.applicationPipelines))
	r.GET("/applications/:app/executions/search", ok(a.search))
	r.PUT("/pipelines/:id/cancel", ok(a.cancel))
	r.PUT("/applications/:app/pipelines/:id/cancel", ok(a.cancel))
	r.PUT("/pipelines/:id/pause", ok(a.pause))
	r.PUT("/pipelines/:id/resume", ok(a.resume))
	r.PATCH("/pipelines/:id/stages/:stage", ok(a.patchStage))
	r.PUT("/pipelines/:id/stages/:stage/restart", ok(a.restartStage))
	r.DELETE("/pipelines/:id", ok(a.delete))
	r.GET("/pipelines/:id/evaluateExpression", ok(a.evaluateExpression))
	r.POST("/pipelines/:id/evaluateExpression", ok(a.evaluateExpression))
	r.GET("/pipelines/:id/:stage/evaluateExpression", ok(a.evaluateExpression))

	r.GET("/v2/builds", ok(a.masters))
	r.GET("/v2/builds/:master/*rest", ok(a.buildsV2))
	r.GET("/v3/builds", ok(a.masters))
	r.GET("/v3/builds/:master/jobs", ok(a.jobs))
	r.GET("/v3/builds/:master/job", ok(a.job))
	r.GET("/v3/builds/:master/builds", ok(a.builds))
	r.GET("/v3/builds/:master/build/:number", ok(a.build))
}

func (a *API) version(*gin.Context) (any, error) { return gin.H{"version": a.Version}, nil }

func (a *API) none(*gin.Context) (any, error) { return []any{}, nil }

func (a *API) authUser(c *gin.Context) (any, error) {
	user := a.User(c)
	return gin.H{"username": user, "email": user, "roles": []string{}, "allowedAccounts": []string{}, "enabled": true}, nil
}

func (a *API) credentials(*gin.Context) (any, error) { return a.Accounts.Credentials(), nil }

func (a *API) credential(c *gin.Context) (any, error) {
	for _, account := range a.Accounts.Credentials() {
		if account["name"] == c.Param("name") {
			return account, nil
		}
	}
	return nil, spinnaker.NotFound("Account not found (name: %s)", c.Param("name"))
}

func (a *API) artifactCredentials(*gin.Context) (any, error) {
	return a.Accounts.ArtifactCredentials(), nil
}

// body decodes the request's JSON body into v; an absent body is allowed when optional.
func body(c *gin.Context, v any, optional bool) error {
	data, err := io.ReadAll(c.Request.Body)
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return &spinnaker.Error{Status: http.StatusRequestEntityTooLarge,
			Message: "the request body is larger than " + strconv.FormatInt(tooLarge.Limit, 10) + " bytes"}
	}
	if err != nil {
		return spinnaker.Invalid("the request body did not arrive whole: %v", err)
	}
	if len(strings.TrimSpace(string(data))) == 0 {
		if optional {
			return nil
		}
		return spinnaker.Invalid("the request has no body, expected JSON")
	}
	if err := spinnaker.Decode(data, v); err != nil {
		return spinnaker.Invalid("the request body is not the JSON expected: %v", jsonPosition(err))
	}
	return nil
}

// jsonPosition adds the byte offset to a syntax error.
func jsonPosition(err error) error {
	if syntax := (*json.SyntaxError)(nil); errors.As(err, &syntax) {
		return errors.New(syntax.Error() + " at byte " + strconv.FormatInt(syntax.Offset, 10))
	}
	return err
}

// list reads a query parameter that may be comma-joined, repeated, or both.
func list(c *gin.Context, key string) []string {
	var items []string
	for _, value := range c.QueryArray(key) {
		for item := range strings.SplitSeq(value, ",") {
			if item = strings.TrimSpace(item); item != "" {
				items = append(items, item)
			}
		}
	}
	return items
}

// number reads a query parameter that is a whole number.
func number(c *gin.Context, key string, otherwise int64) (int64, error) {
	value := c.Query(key)
	if value == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return 0, spinnaker.Invalid("query parameter %s: found %q, expected a whole number", key, value)
	}
	return n, nil
}

// flag reads a query parameter that is true or false, in any case.
func flag(c *gin.Context, key string, otherwise bool) bool {
	switch strings.ToLower(c.Query(key)) {
	case "true":
		return true
	case "false":
		return false
	default:
		return otherwise
	}
}

func statuses(c *gin.Context) []spinnaker.Status {
	var out []spinnaker.Status
	for _, s := range list(c, "statuses") {
		out = append(out, spinnaker.Status(s))
	}
	return out
}

func app(c *gin.Context) string { return strings.ToLower(c.Param("app")) }
