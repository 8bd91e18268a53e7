package rows

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// where collects the conditions of a query.
type where struct {
	dialect Dialect
	terms   []string
	args    []any
}

// add adds a condition; %s in it stands for the argument.
func (w *where) add(term string, arg any) {
	w.args = append(w.args, arg)
	w.terms = append(w.terms, fmt.Sprintf(term, fmt.Sprintf("$%d", len(w.args))))
}

// equal restricts a column unless the value is empty.
func (w *where) equal(column, value string) {
	if value != "" {
		w.add(column+" = %s", value)
	}
}

// among restricts a column to the values unless there are none.
func among[T ~string](w *where, column string, values []T) {
	if len(values) == 0 {
		return
	}
	w.add(w.dialect.among(column, "%s"), listOf(values))
}

// among is the condition that a column is among the texts of a List.
func (d Dialect) among(column, list string) string { return fmt.Sprintf(d.Among, column, list) }

// clause returns the WHERE clause, empty without conditions.
func (w *where) clause() string {
	if len(w.terms) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.terms, " AND ")
}

// Executions implements store.Reader.
func (r *Reader) Executions(query store.ExecutionQuery) ([]*spinnaker.Execution, error) {
	out, err := r.executions(query)
	if err != nil {
		return nil, fmt.Errorf("list executions: %w", err)
	}
	return out, nil
}

// maxTorn is how often a list is read again that others change between its statements.
const maxTorn = 5

// executions reads a list. In a transaction that may write, others may change or delete an execution of it between two
// statements; what was read then is not whole.
func (r *Reader) executions(query store.ExecutionQuery) (out []*spinnaker.Execution, err error) {
	for range maxTorn {
		if out, err = r.executionsOnce(query); !errors.Is(err, errTorn) || r.hold == "" {
			break
		}
	}
	return out, err
}

func (r *Reader) executionsOnce(query store.ExecutionQuery) ([]*spinnaker.Execution, error) {
	statement, args := r.selection(query)
	rows, err := list(&r.scope, scanExecution, statement, args...)
	if err != nil {
		return nil, err
	}
	byID := make(map[string]*executionRow, len(rows))
	for _, row := range rows {
		byID[row.id] = row
	}
	ids := listOf(slices.Collect(maps.Keys(byID)))
	if err := r.fill(byID, r.dialect.among("execution_id", "$1"), ids, query.Brief); err != nil {
		return nil, err
	}
	out := make([]*spinnaker.Execution, len(rows))
	for i, row := range rows {
		if out[i], err = row.decodeShown(query.Brief); err != nil {
			return nil, fmt.Errorf("execution %q: %w", row.id, err)
		}
	}
	return out, nil
}

// selection is the statement that finds the executions of a query.
func (r *Reader) selection(query store.ExecutionQuery) (statement string, args []any) {
	w := r.conditions(query)
	order := "ORDER BY build_time DESC, id DESC"
	if query.OldestFirst {
		order = "ORDER BY build_time, id"
	}
	w.args = append(w.args, limited(query.Limit), query.Offset)
	statement = fmt.Sprintf("SELECT id, head, stage_order, waiting FROM execution%s %s LIMIT $%d OFFSET $%d",
		w.clause(), order, len(w.args)-1, len(w.args))
	return statement, w.args
}

func (r *Reader) conditions(query store.ExecutionQuery) *where {
	w := &where{dialect: r.dialect}
	w.equal("type", string(query.Type))
	w.equal("application", query.Application)
	w.equal("name", query.PipelineName)
	if query.EventID != "" {
		w.add("event_id = %s AND event_id <> ''", query.EventID)
	}
	among(w, "id", query.IDs)
	if of := query.PipelineConfigIDs; len(of) == 1 {
		w.equal("config_id", of[0]) // an index has these in their order
	} else {
		among(w, "config_id", of)
	}
	among(w, "trigger_type", query.TriggerTypes)
	among(w, "status", query.Statuses)
	if len(query.Statuses) > 0 && !slices.ContainsFunc(query.Statuses, spinnaker.Status.Complete) {
		// Lets the few unfinished executions be found by their own index.
		w.terms = append(w.terms, "finished = 0")
	}
	if !query.BuiltFrom.IsZero() {
		w.add("build_time >= %s", query.BuiltFrom.UnixMilli())
	}
	if !query.BuiltTo.IsZero() {
		w.add("build_time <= %s", query.BuiltTo.UnixMilli())
	}
	return w
}
