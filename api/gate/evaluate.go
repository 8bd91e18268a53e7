package gate

import (
	"errors"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// evaluateExpression serves all forms: GET with a query, POST with text or {"expression": …}.
func (a *API) evaluateExpression(c *gin.Context) (any, error) {
	text := c.Query("expression")
	if text == "" && c.Request.Method == http.MethodPost {
		data, err := spinnaker.ReadBody(c.Request)
		if err != nil {
			return nil, err
		}
		text = string(data)
		var wrapped struct {
			Expression string `json:"expression"`
		}
		if spinnaker.Decode(data, &wrapped) == nil && wrapped.Expression != "" {
			text = wrapped.Expression
		}
	}
	if text == "" {
		return nil, spinnaker.Invalid("expression is missing: give it as the query parameter `expression` or as the body")
	}
	if _, err := a.find(c, spinnaker.PipelineExecution, c.Param("id")); err != nil {
		return nil, err
	}
	result, detail, err := a.Expressions.Evaluate(c, c.Param("id"), c.Param("stage"), text)
	return evaluated(result, detail, err)
}

// evaluateVariables serves POST /pipelines/{id}/evaluateVariables.
func (a *API) evaluateVariables(c *gin.Context) (any, error) {
	var variables Variables
	if err := body(c, &variables.Entries, false); err != nil {
		return nil, err
	}
	version := c.Query("spelVersion")
	if version != "" && version != "v3" && version != "v4" {
		return nil, spinnaker.Invalid("SpEL evaluator version %s is not supported", version)
	}
	variables.Alone = version == "v3"
	variables.After = strings.FieldsFunc(c.Query("requisiteStageRefIds"), func(r rune) bool { return strings.ContainsRune(",; ", r) })
	id := c.DefaultQuery("executionId", c.Param("id"))
	if _, err := a.find(c, spinnaker.PipelineExecution, id); err != nil {
		return nil, err
	}
	results, detail, err := a.Expressions.EvaluateVariables(c, id, variables)
	return evaluated(results, detail, err)
}

func evaluated(result any, detail map[string]any, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	if detail == nil {
		detail = map[string]any{}
	}
	return object{"result": result, "detail": detail}, nil
}

// functions serves GET /capabilities/expressions.
func (a *API) functions(*gin.Context) (any, error) {
	return object{"functions": a.Expressions.Functions(), "spelEvaluators": []object{
		{"versionKey": "v4", "description": "SpEL, evaluated for each stage as it starts", "deprecated": false}}}, nil
}

// isNotFound says whether an error is a 404.
func isNotFound(err error) bool {
	answer := (*spinnaker.Error)(nil)
	return errors.As(err, &answer) && answer.Status == http.StatusNotFound
}
