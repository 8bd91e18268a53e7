package gate

import (
	"context"
	"io"

	"github.com/gin-gonic/gin"

	"github.com/gennaker/gennaker/api/answer"
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
	// Trigger is a pattern that the execution's trigger must meet: its members are there, texts equal but for case or
	// match as regular expressions, lists hold an element for each.
	Trigger map[string]any
	// BuiltFrom and BuiltTo bound the build time, inclusive.
	BuiltFrom, BuiltTo spinnaker.Millis
	OldestFirst        bool
	Offset, Limit      int
	// Brief leaves out what may be large in stages: outputs, tasks, and the context but for its `group`.
	Brief bool
}

// Caller is who sends a request.
type Caller struct {
	User string
	// Origin is the client: "deck" or "api".
	Origin string
}

// Executions are runs of pipelines, and tasks.
type Executions interface {
	// Execution returns a 404 for an unknown id.
	Execution(ctx context.Context, id string) (*spinnaker.Execution, error)
	Executions(ctx context.Context, query Query) ([]*spinnaker.Execution, error)
	// Start starts a pipeline by hand and returns the execution's id once it is stored. It completes the trigger.
	Start(ctx context.Context, caller Caller, p spinnaker.Pipeline, trigger spinnaker.Trigger) (id string, err error)
	// Submit starts a task and returns its id.
	Submit(ctx context.Context, user string, task Task) (id string, err error)
	Cancel(ctx context.Context, user, id, reason string) error
	Pause(ctx context.Context, user, id string) error
	Resume(ctx context.Context, user, id string) error
	// PatchStage merges values into a stage's context and returns the execution as it is then.
	PatchStage(ctx context.Context, user, id, stageID string, values map[string]any) (*spinnaker.Execution, error)
	// RestartStage runs an execution again from a stage; with reevaluate, expressions are evaluated anew.
	RestartStage(ctx context.Context, user, id, stageID string, reevaluate bool) (*spinnaker.Execution, error)
	Delete(ctx context.Context, user, id string) error
}

// Expressions are the expression language, for people who write pipelines.
type Expressions interface {
	// Evaluate evaluates a text with expressions as the stage would, or as the execution as a whole when stageID is "".
	// What cannot be evaluated stays as it is; detail says why, by expression.
	Evaluate(ctx context.Context, id, stageID, text string) (result any, detail map[string]any, err error)
	// EvaluateVariables evaluates variables as an Evaluate Variables stage of the execution would.
	EvaluateVariables(ctx context.Context, id string, variables Variables) (results any, detail map[string]any, err error)
	// Functions describes the functions of the language.
	Functions() any
}

// Variables are variables to evaluate.
type Variables struct {
	// Entries are {key, value}.
	Entries []any
	// After are the refIds of the stages that the Evaluate Variables stage comes after.
	After []string
	// Alone says that none sees those before it, which is how it was before version 4 of the language.
	Alone bool
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
	// FetchArtifact opens an artifact's content. Reading it may fail with an error for people, as opening it may.
	FetchArtifact(ctx context.Context, a spinnaker.Artifact) (io.ReadCloser, error)
	// ArtifactNames and ArtifactVersions list what an account has of an artifact type.
	ArtifactNames(ctx context.Context, account, artifactType string) ([]string, error)
	ArtifactVersions(ctx context.Context, account, artifactType, name string) ([]string, error)
}

// API serves Gate's paths.
type API struct {
	Catalog     Catalog
	Executions  Executions
	Expressions Expressions
	Logs        Logs
	Builds      Builds
	Accounts    Accounts
	// PreconfiguredWebhooks are the stage types that are webhooks of the configuration, as Deck reads them.
	PreconfiguredWebhooks []map[string]any
	Version               string
	// User names the caller of a request; "" is one who has not signed in.
	User func(*gin.Context) string
}

// Register adds the routes. Names at one place of a path agree, as the router demands.
func (a *API) Register(r gin.IRouter) {
	a.registerTasks(r)
	a.registerPipelines(r)
	a.registerExecutions(r)
	a.registerBuilds(r)
	a.registerArtifacts(r)
	a.registerSmall(r)
}

func (a *API) registerTasks(r gin.IRouter) {
	r.GET("/applications", answer.OK(a.applications))
	r.GET("/applications/:app", answer.OK(a.application))
	r.POST("/tasks", answer.OK(a.submitTask))
	r.GET("/tasks/:id", answer.OK(a.task))
	r.PUT("/tasks/:id/cancel", answer.OK(a.cancelTask))
	r.PUT("/tasks/cancel", answer.OK(a.cancelTasks))
	r.DELETE("/tasks/:id", answer.OK(a.deleteTask))
	r.GET("/applications/:app/tasks", answer.OK(a.tasks))
	r.POST("/applications/:app/tasks", answer.OK(a.submitTask))
	r.GET("/applications/:app/tasks/:id", answer.OK(a.task))
	r.PUT("/applications/:app/tasks/:id/cancel", answer.OK(a.cancelTask))
}

func (a *API) registerPipelines(r gin.IRouter) {
	r.GET("/applications/:app/pipelineConfigs", answer.OK(a.pipelineConfigs))
	r.GET("/applications/:app/pipelineConfigs/:name", answer.OK(a.pipelineConfig))
	r.GET("/pipelineConfigs", answer.OK(a.allPipelineConfigs))
	r.GET("/pipelineConfigs/:id/history", answer.OK(a.pipelineHistory))
	r.POST("/pipelines", answer.OK(a.savePipeline))
	r.POST("/pipelines/bulksave", answer.OK(a.savePipelines))
	r.PUT("/pipelines/:id", answer.OK(a.updatePipeline))
	r.DELETE("/pipelines/:id/:name", answer.OK(a.deletePipeline))
	r.POST("/actions/pipelines/reorder", answer.OK(a.reorderPipelines))

	r.POST("/pipelines/start", answer.OK(a.startUnsaved))
	r.POST("/pipelines/:id/:name", answer.Accepted(a.startPipeline))
	r.POST("/pipelines/v2/:app/:name", answer.Accepted(a.startPipelineV2))
	r.POST("/applications/:app/pipelineConfigs/:name", answer.Accepted(a.startPipeline))
}

func (a *API) registerExecutions(r gin.IRouter) {
	r.GET("/pipelines/:id", answer.OK(a.execution))
	r.GET("/executions", answer.OK(a.executions))
	r.GET("/applications/:app/pipelines", answer.OK(a.applicationPipelines))
	r.GET("/applications/:app/executions/search", answer.OK(a.search))
	r.PUT("/pipelines/:id/cancel", answer.OK(a.cancel))
	r.PUT("/applications/:app/pipelines/:id/cancel", answer.OK(a.cancel))
	r.PUT("/pipelines/:id/pause", answer.OK(a.pause))
	r.PUT("/pipelines/:id/resume", answer.OK(a.resume))
	r.PATCH("/pipelines/:id/stages/:stage", answer.OK(a.patchStage))
	r.PUT("/pipelines/:id/stages/:stage/restart", answer.OK(a.restartStage))
	r.DELETE("/pipelines/:id", answer.OK(a.delete))
	r.GET("/gennaker/executions/:id/stages/:stage/log", answer.OK(a.stageLog))
	r.GET("/pipelines/:id/evaluateExpression", answer.OK(a.evaluateExpression))
	r.POST("/pipelines/:id/evaluateExpression", answer.OK(a.evaluateExpression))
	r.GET("/pipelines/:id/:stage/evaluateExpression", answer.OK(a.evaluateExpression))
	r.POST("/pipelines/:id/evaluateVariables", answer.OK(a.evaluateVariables))
	r.GET("/capabilities/expressions", answer.OK(a.functions))
}

func (a *API) registerBuilds(r gin.IRouter) {
	r.GET("/v2/builds", answer.OK(a.masters))
	r.GET("/v2/builds/:master/*rest", answer.OK(a.buildsV2))
	r.GET("/v3/builds", answer.OK(a.masters))
	r.GET("/v3/builds/:master/jobs", answer.OK(a.jobs))
	r.GET("/v3/builds/:master/job", named(a.job))
	r.GET("/v3/builds/:master/builds", named(a.builds))
	r.GET("/v3/builds/:master/build/:number", named(a.build))
}
