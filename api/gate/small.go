package gate

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/gennaker/gennaker/api/answer"
	"github.com/gennaker/gennaker/api/spinnaker"
)

type object = map[string]any

// fixed are the answers about parts of Spinnaker that this server does not have. Deck asks for them when it starts, when an
// application is opened and when a pipeline is edited; without an answer of that form it breaks, or waits for ever.
var fixed = map[string]any{
	"/banners":                               []any{},
	"/plugins/deck/plugin-manifest.json":     []any{},
	"/notifications/metadata":                []any{},
	"/notifications/application/:app":        object{},
	"/jobs/preconfigured":                    []any{},
	"/gcb/accounts":                          []any{},
	"/codebuild/accounts":                    []any{},
	"/nexus/names":                           []any{},
	"/artifactory/names":                     []any{},
	"/features/stages":                       []any{},
	"/capabilities/deploymentMonitors":       []any{},
	"/auth/user/serviceAccounts":             []any{},
	"/projects":                              []any{},
	"/projects/:id/pipelines":                []any{},
	"/projects/:id/clusters":                 []any{},
	"/v2/pipelineTemplates":                  []any{},
	"/v2/pipelineTemplates/versions":         object{},
	"/strategyConfigs":                       []any{},
	"/applications/:app/strategyConfigs":     []any{},
	"/applications/:app/clusters":            object{},
	"/applications/:app/serverGroups":        []any{},
	"/applications/:app/serverGroupManagers": []any{},
	"/applications/:app/loadBalancers":       []any{},
	"/applications/:app/rawResources":        []any{},
	"/securityGroups":                        object{},
}

// absent are the parts of Spinnaker that this server does not have, by how their addresses begin.
var absent = []struct{ prefix, part string }{
	{"/managed", "managed delivery (Keel)"},
	{"/v2/canar", "canary analysis (Kayenta)"},
	{"/canar", "canary analysis (Kayenta)"},
	{"/pipelineTemplates", "version 1 of pipeline templates, only /v2/pipelineTemplates"},
	{"/pipelines/move", "moving of pipelines, only POST /actions/pipelines/reorder"},
	{"/images", "images of virtual machines"},
	{"/bakery", "baking of machine images (Rosco)"},
	{"/snapshots", "snapshots of infrastructure"},
	{"/concourse", "Concourse"},
	{"/ci/", "a separate CI service"},
	{"/proxies", "proxies"},
	{"/ecs", "Amazon ECS"},
	{"/strategies", "custom deployment strategies"},
}

// Absent says which part of Spinnaker an unknown address belongs to that this server does not have, or "".
func Absent(path string) string {
	for _, a := range absent {
		if strings.HasPrefix(path, a.prefix) {
			return a.part
		}
	}
	return ""
}

func (a *API) registerSmall(r gin.IRouter) {
	for path, answer := range fixed {
		r.GET(path, func(c *gin.Context) { c.JSON(http.StatusOK, answer) })
	}
	r.GET("/", answer.OK(a.root))
	r.GET("/version", answer.OK(a.version))
	r.GET("/auth/user", answer.OK(a.authUser))
	r.GET("/credentials", answer.OK(a.credentials))
	r.GET("/credentials/:name", answer.OK(a.credential))
	r.GET("/search", answer.OK(a.searchNothing))
	r.GET("/webhooks/preconfigured", answer.OK(a.preconfiguredWebhooks))
	r.GET("/projects/:id", notFound("Project not found (id: %s)"))
	r.GET("/v2/pipelineTemplates/:id", notFound("Pipeline template not found (id: %s)"))
	r.GET("/applications/:app/strategyConfigs/:id", notFound("Strategy not found (id: %s)"))
}

// notFound answers that there is no such thing as the path's `id`.
func notFound(text string) gin.HandlerFunc {
	return answer.OK(func(c *gin.Context) (any, error) { return nil, spinnaker.NotFound(text, c.Param("id")) })
}

func (a *API) root(*gin.Context) (any, error) {
	return object{"name": "gennaker", "version": a.Version, "health": "/health", "metrics": "/metrics"}, nil
}

func (a *API) version(*gin.Context) (any, error) { return object{"version": a.Version}, nil }

// authUser says who the caller is; nothing when they have not signed in.
//
// Source: spinnaker/spinnaker gate/gate-web controllers/AuthController.groovy, kork/kork-security User.java.
func (a *API) authUser(c *gin.Context) (any, error) {
	user := a.User(c)
	if user == "" {
		return nil, nil
	}
	accounts := []string{}
	for _, account := range a.Accounts.Credentials() {
		accounts = append(accounts, account["name"].(string))
	}
	return object{"username": user, "email": user, "firstName": nil, "lastName": nil, "roles": []string{},
		"allowedAccounts": accounts, "authorities": []string{}, "enabled": true, "accountNonExpired": true,
		"accountNonLocked": true, "credentialsNonExpired": true, "isAdmin": false, "canMintApiTokens": false}, nil
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

// preconfiguredWebhooks lists the stage types that are webhooks of the configuration.
//
// Source: spinnaker/spinnaker orca/orca-web controllers/PreconfiguredWebhookController.groovy.
func (a *API) preconfiguredWebhooks(*gin.Context) (any, error) {
	return append([]object{}, a.PreconfiguredWebhooks...), nil
}

// searchNothing answers a search of infrastructure, of which this server keeps none: one empty page.
func (a *API) searchNothing(c *gin.Context) (any, error) {
	page, err := number(c, "page", 1)
	if err != nil {
		return nil, err
	}
	size, err := count(c, "pageSize", 10)
	if err != nil {
		return nil, err
	}
	const shortest = 3
	if query := c.Query("q"); query != "" && len(query) < shortest && !flag(c, "allowShortQuery", false) {
		return []any{}, nil
	}
	return []object{{"totalMatches": 0, "pageNumber": page, "pageSize": size, "platform": "kubernetes",
		"query": c.Query("q"), "results": []any{}}}, nil
}
