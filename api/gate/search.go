package gate

import (
	"encoding/base64"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// search serves GET /applications/{app}/executions/search.
//
// Source: spinnaker/spinnaker orca/orca-web controllers/TaskController.groovy.
func (a *API) search(c *gin.Context) (any, error) {
	query, err := searchQuery(c)
	if err != nil {
		return nil, err
	}
	expand := flag(c, "expand", false)
	query.Brief = !expand
	found, err := a.Executions.Executions(c, query)
	if err != nil {
		return nil, err
	}
	return shown(found, expand), nil
}

func searchQuery(c *gin.Context) (query Query, err error) {
	query = Query{Type: spinnaker.PipelineExecution, PipelineName: c.Query("pipelineName"), EventID: c.Query("eventId"),
		OldestFirst: flag(c, "reverse", false)}
	if name := app(c); name != "*" {
		query.Application = name
	}
	if types := list(c, "triggerTypes"); !slices.Contains(types, "*") {
		query.TriggerTypes = types
	}
	if query.Statuses, err = statuses(c); err != nil {
		return query, err
	}
	if query.Trigger, err = triggerPattern(c.Query("trigger")); err != nil {
		return query, err
	}
	if err := builtBetween(c, &query); err != nil {
		return query, err
	}
	start, err := number(c, "startIndex", 0)
	if err != nil {
		return query, err
	}
	size, err := number(c, "size", 10)
	if err != nil {
		return query, err
	}
	switch {
	case start < 0:
		return query, spinnaker.Invalid("startIndex must be >= 0: startIndex=%d", start)
	case size <= 0:
		return query, spinnaker.Invalid("size must be > 0: size=%d", size)
	case size > maxItems:
		return query, spinnaker.Invalid("size must be <= %d: size=%d. Ask for more with startIndex", maxItems, size)
	}
	query.Offset, query.Limit = int(start), int(size)
	return query, nil
}

// builtBetween reads the bounds of the build time.
func builtBetween(c *gin.Context, query *Query) error {
	bounds := []struct {
		key  string
		into *spinnaker.Millis
	}{{"triggerTimeStartBoundary", &query.BuiltFrom}, {"triggerTimeEndBoundary", &query.BuiltTo}}
	for _, bound := range bounds {
		value, err := number(c, bound.key, 0)
		if err != nil {
			return err
		}
		if value < 0 {
			return spinnaker.Invalid("%s must be >= 0: %s=%d", bound.key, bound.key, value)
		}
		*bound.into = spinnaker.Millis(value)
	}
	if query.BuiltTo != 0 && query.BuiltFrom > query.BuiltTo {
		return spinnaker.Invalid("triggerTimeStartBoundary must be <= triggerTimeEndBoundary: triggerTimeStartBoundary=%d, triggerTimeEndBoundary=%d",
			query.BuiltFrom, query.BuiltTo)
	}
	return nil
}

// triggerPattern reads the base64 of a JSON object, of either alphabet, padded or not.
func triggerPattern(encoded string) (map[string]any, error) {
	if encoded == "" {
		return nil, nil
	}
	// A plus sign that was not escaped in the query has become a space.
	standard := strings.NewReplacer("-", "+", "_", "/", " ", "+").Replace(strings.TrimRight(encoded, "="))
	data, err := base64.RawStdEncoding.DecodeString(standard)
	if err != nil {
		return nil, spinnaker.Invalid("Failed to parse encoded trigger: it is not base64: %v", err)
	}
	var pattern map[string]any
	if err := spinnaker.Decode(data, &pattern); err != nil {
		return nil, spinnaker.Invalid("Failed to parse encoded trigger: it is not the base64 of a JSON object: %v", err)
	}
	return pattern, nil
}
