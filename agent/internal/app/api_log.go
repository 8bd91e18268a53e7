package app

import (
	"context"

	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/api/gate"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// stageLogs are the logs of stages as Gate's handlers see them.
type stageLogs struct{ store store.Store }

func (l stageLogs) StageLog(ctx context.Context, id, stageID string, offset, limit int) ([]gate.LogLine, error) {
	var rows []store.LogLine
	err := l.store.View(ctx, func(r store.Reader) (err error) {
		rows, err = r.StageLog(id, stageID, offset, limit)
		return err
	})
	lines := make([]gate.LogLine, len(rows))
	for i, row := range rows {
		lines[i] = gate.LogLine{Time: spinnaker.MillisOf(row.Time), Level: row.Level, Text: row.Text}
	}
	return lines, err
}
