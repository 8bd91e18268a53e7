package gate

import (
	"errors"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/gennaker/gennaker/api/spinnaker"
)

func (a *API) pipelineConfigs(c *gin.Context) (any, error) { return a.configs(c, app(c)) }

func (a *API) allPipelineConfigs(c *gin.Context) (any, error) { return a.configs(c, "") }

func (a *API) configs(c *gin.Context, application string) (any, error) {
	pipelines, err := a.Catalog.Pipelines(c, application)
	if err != nil {
		return nil, err
	}
	if pipelines == nil {
		pipelines = []spinnaker.Pipeline{}
	}
	return pipelines, nil
}

func (a *API) pipelineConfig(c *gin.Context) (any, error) {
	return a.Catalog.Pipeline(c, app(c), c.Param("name"))
}

func (a *API) pipelineHistory(c *gin.Context) (any, error) {
	limit, err := count(c, "limit", 20)
	if err != nil {
		return nil, err
	}
	if limit == 0 {
		return []any{}, nil
	}
	return a.Catalog.PipelineHistory(c, c.Param("id"), limit)
}

// WarningsHeader carries what is odd about a saved pipeline, one header a finding: Gate's answer has an empty body.
const WarningsHeader = "X-Gennaker-Warning"

// maxWarnings and maxWarning bound the header: proxies refuse large ones.
const (
	maxWarnings = 16
	maxWarning  = 250
)

func warn(c *gin.Context, warnings []string) {
	for _, warning := range warnings[:min(len(warnings), maxWarnings)] {
		text := strings.Join(strings.Fields(warning), " ")
		if len(text) > maxWarning {
			text = strings.ToValidUTF8(text[:maxWarning], "") + "…"
		}
		c.Writer.Header().Add(WarningsHeader, text)
	}
}

func (a *API) savePipeline(c *gin.Context) (any, error) {
	var p spinnaker.Pipeline
	if err := body(c, &p, false); err != nil {
		return nil, err
	}
	_, warnings, err := a.Catalog.SavePipeline(c, a.User(c), p, flag(c, "staleCheck", false))
	warn(c, warnings)
	return nil, err
}

// savePipelines serves POST /pipelines/bulksave?application=: those that cannot be saved come back with the reason.
//
// Source: spinnaker/spinnaker orca/orca-front50 tasks/SavePipelineTask.java, front50-web controllers/PipelineController.java.
func (a *API) savePipelines(c *gin.Context) (any, error) {
	var documents []map[string]any
	if err := body(c, &documents, false); err != nil {
		return nil, err
	}
	application := strings.ToLower(c.Query("application"))
	saved, failed := []string{}, []map[string]any{}
	for _, document := range documents {
		p, err := spinnaker.PipelineOf(document)
		switch {
		case err != nil:
			err = spinnaker.Invalid("%v", err)
		case application != "" && !strings.EqualFold(p.Application, application):
			err = spinnaker.Invalid("the pipeline is of application %q, expected %q", p.Application, application)
		default:
			p, _, err = a.Catalog.SavePipeline(c, a.User(c), p, flag(c, "staleCheck", false))
		}
		if refused := (*spinnaker.Error)(nil); errors.As(err, &refused) {
			document["errorMsg"] = refused.Message
			failed = append(failed, document)
			continue
		} else if err != nil {
			return nil, err
		}
		saved = append(saved, p.Name)
	}
	return object{"successful_pipelines_count": len(saved), "successful_pipelines": saved,
		"failed_pipelines_count": len(failed), "failed_pipelines": failed}, nil
}

func (a *API) updatePipeline(c *gin.Context) (any, error) {
	var p spinnaker.Pipeline
	if err := body(c, &p, false); err != nil {
		return nil, err
	}
	stored, warnings, err := a.Catalog.UpdatePipeline(c, a.User(c), c.Param("id"), p, flag(c, "staleCheck", false))
	warn(c, warnings)
	if err != nil {
		return nil, err
	}
	return stored, nil
}

func (a *API) deletePipeline(c *gin.Context) (any, error) {
	return nil, a.Catalog.DeletePipeline(c, a.User(c), strings.ToLower(c.Param("id")), c.Param("name"))
}

func (a *API) reorderPipelines(c *gin.Context) (any, error) {
	var order struct {
		Application  string         `json:"application"`
		IDsToIndices map[string]int `json:"idsToIndices"`
	}
	if err := body(c, &order, false); err != nil {
		return nil, err
	}
	if order.Application == "" {
		return nil, spinnaker.Invalid("`application` is required field on request body")
	}
	if order.IDsToIndices == nil {
		return nil, spinnaker.Invalid("`idsToIndices` is required field on request body")
	}
	return nil, a.Catalog.ReorderPipelines(c, a.User(c), strings.ToLower(order.Application), order.IDsToIndices)
}
