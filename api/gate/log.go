package gate

import (
	"context"

	"github.com/gin-gonic/gin"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// Logs are what stages wrote while they ran. They are Gennaker's own: Spinnaker has nothing of the kind.
type Logs interface {
	// StageLog returns up to limit lines of a stage's log, from the offset-th on.
	StageLog(ctx context.Context, id, stageID string, offset, limit int) ([]LogLine, error)
}

// LogLine is a line of a stage's log.
type LogLine struct {
	Time  spinnaker.Millis `json:"time"`
	Level string           `json:"level"`
	Text  string           `json:"text"`
}

// mostLines is how many lines one answer holds.
const mostLines = 1000

// stageLog serves GET /gennaker/executions/{id}/stages/{stage}/log?offset=.
func (a *API) stageLog(c *gin.Context) (any, error) {
	offset, err := number(c, "offset", 0)
	if err != nil {
		return nil, err
	}
	if offset < 0 {
		return nil, spinnaker.Invalid("query parameter offset: found %d, expected a whole number from 0", offset)
	}
	execution, err := a.find(c, spinnaker.PipelineExecution, c.Param("id"))
	if err != nil {
		return nil, err
	}
	if execution.Stage(c.Param("stage")) == nil {
		return nil, spinnaker.NotFound("Stage %s not found in execution %s", c.Param("stage"), execution.ID)
	}
	lines, err := a.Logs.StageLog(c, execution.ID, c.Param("stage"), int(offset), mostLines)
	if lines == nil {
		lines = []LogLine{}
	}
	return lines, err
}
