package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/api/spinnaker"
)

func listTests() map[string]func(*testing.T, store.Store) {
	return map[string]func(*testing.T, store.Store){
		"executions are selected by what the query says":      testFilters,
		"a thousand executions come page by page":             testPages,
		"stages come whole, in brief or not at all":           testDepths,
		"the trigger is there when what is large is left out": testShallow,
		"so is the execution in it, without what is large":    testShallowParent,
	}
}

func list(tb testing.TB, s store.Store, query store.ExecutionQuery) (ids []string) {
	tb.Helper()
	found := read(tb, s, func(r store.Reader) ([]*spinnaker.Execution, error) { return r.Executions(query) })
	for _, ex := range found {
		ids = append(ids, ex.ID)
	}
	return ids
}

func testFilters(t *testing.T, s store.Store) {
	minute := func(n int) time.Time { return base().Add(time.Duration(n) * time.Minute) }
	add := func(id string, built int, change func(*engine.Execution)) {
		ex := execution(id, stage("s"+id))
		ex.BuildTime = spinnaker.MillisOf(minute(built))
		change(ex)
		save(t, s, ex)
	}
	add("1", 1, func(ex *engine.Execution) { ex.Status = spinnaker.Succeeded })
	add("2", 2, func(ex *engine.Execution) { ex.Status = spinnaker.Terminal; ex.Trigger["type"] = "jenkins" })
	add("3", 3, func(ex *engine.Execution) { ex.PipelineConfigID, ex.Name = "config2", "build" })
	add("4", 4, func(ex *engine.Execution) { ex.Application = "bank" })
	add("5", 5, func(ex *engine.Execution) { ex.Type = spinnaker.Orchestration; ex.PipelineConfigID = "" })
	add("6", 5, func(ex *engine.Execution) { ex.Status = spinnaker.NotStarted; ex.Trigger["eventId"] = "e6" })

	cases := []struct {
		name  string
		query store.ExecutionQuery
		want  []string
	}{
		{"all, newest first, then by id", store.ExecutionQuery{}, []string{"6", "5", "4", "3", "2", "1"}},
		{"oldest first", store.ExecutionQuery{OldestFirst: true}, []string{"1", "2", "3", "4", "5", "6"}},
		{"type", store.ExecutionQuery{Type: spinnaker.Orchestration}, []string{"5"}},
		{"ids", store.ExecutionQuery{IDs: []string{"3", "1", "nope"}}, []string{"3", "1"}},
		{"application", store.ExecutionQuery{Application: "bank"}, []string{"4"}},
		{"configs", store.ExecutionQuery{PipelineConfigIDs: []string{"config2", "nope"}}, []string{"3"}},
		{"finished", store.ExecutionQuery{Statuses: []spinnaker.Status{spinnaker.Succeeded, spinnaker.Terminal}}, []string{"2", "1"}},
		{"unfinished", store.ExecutionQuery{Application: "shop",
			Statuses: []spinnaker.Status{spinnaker.NotStarted, spinnaker.Running}}, []string{"6", "5", "3"}},
		{"trigger types", store.ExecutionQuery{TriggerTypes: []string{"jenkins", "cron"}}, []string{"2"}},
		{"event", store.ExecutionQuery{EventID: "e6"}, []string{"6"}},
		{"pipeline's name", store.ExecutionQuery{PipelineName: "build"}, []string{"3"}},
		{"built from", store.ExecutionQuery{BuiltFrom: minute(4)}, []string{"6", "5", "4"}},
		{"built to", store.ExecutionQuery{BuiltTo: minute(2)}, []string{"2", "1"}},
		{"built between", store.ExecutionQuery{BuiltFrom: minute(2), BuiltTo: minute(3)}, []string{"3", "2"}},
		{"limit", store.ExecutionQuery{Limit: 2}, []string{"6", "5"}},
		{"offset", store.ExecutionQuery{Offset: 4}, []string{"2", "1"}},
		{"several at once", store.ExecutionQuery{Application: "shop", PipelineName: "deploy", TriggerTypes: []string{"manual"},
			Statuses: []spinnaker.Status{spinnaker.Succeeded}, BuiltTo: minute(9), Limit: 5}, []string{"1"}},
		{"nothing fits", store.ExecutionQuery{Application: "nope"}, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { same(t, "executions", list(t, s, c.query), c.want) })
	}
}

func testPages(t *testing.T, s store.Store) {
	const total, page = 1000, 300
	var want []string
	update(t, s, func(tx store.Tx) error {
		for i := range total {
			ex := execution(fmt.Sprintf("%04d", i), stage("a"))
			// Ten of each build time: the order is by id then.
			ex.BuildTime += spinnaker.Millis(i / 10)
			if err := tx.SaveExecution(ex); err != nil {
				return err
			}
			want = append([]string{ex.ID}, want...)
		}
		return nil
	})
	var found []string
	for offset := 0; ; offset += page {
		ids := list(t, s, store.ExecutionQuery{Application: "shop", Offset: offset, Limit: page})
		if len(ids) == 0 {
			break
		}
		found = append(found, ids...)
	}
	same(t, "executions", found, want)
}

func testDepths(t *testing.T, s store.Store) {
	whole := rich(t, "ex")
	save(t, s, whole)
	get := func(query store.ExecutionQuery) *spinnaker.Execution {
		return read(t, s, func(r store.Reader) ([]*spinnaker.Execution, error) { return r.Executions(query) })[0]
	}
	same(t, "whole", plain(t, get(store.ExecutionQuery{})), plain(t, whole.Execution))

	brief := rich(t, "ex").Execution
	for _, stage := range brief.Stages {
		stage.Outputs, stage.Tasks = nil, nil
	}
	brief.Stages[0].Context = map[string]any{"group": "first"}
	same(t, "brief", plain(t, get(store.ExecutionQuery{Brief: true})), plain(t, brief))
}

func testShallow(t *testing.T, s store.Store) {
	save(t, s, rich(t, "ex"))
	found := read(t, s, func(r store.Reader) ([]*spinnaker.Execution, error) {
		return r.Executions(store.ExecutionQuery{Brief: true})
	})
	same(t, "trigger", found[0].Trigger, rich(t, "ex").Trigger)
}

func testShallowParent(t *testing.T, s store.Store) {
	parent := func(stage, before string) map[string]any {
		var whole map[string]any
		err := spinnaker.Decode([]byte(`{"id":"p","status":"RUNNING","stages":[`+stage+`],
			"trigger":{"type":"pipeline","parentExecution":{"id":"pp","stages":[`+before+`]}}}`), &whole)
		if err != nil {
			t.Fatal(err)
		}
		return whole
	}
	large := `{"id":"a","name":"A","context":{"group":"g","big":1.50},"outputs":{"big":1},"tasks":[{"id":"1"}]}`
	small := `{"id":"a","name":"A","context":{"group":"g"},"outputs":{},"tasks":[]}`
	ex := execution("ex", stage("s"))
	ex.Trigger["parentExecution"] = parent(large, large)
	save(t, s, ex)
	found := read(t, s, func(r store.Reader) ([]*spinnaker.Execution, error) {
		return r.Executions(store.ExecutionQuery{Brief: true})
	})
	same(t, "in brief", found[0].Trigger["parentExecution"], any(parent(small, small)))
	same(t, "whole", load(t, s, "ex").Trigger["parentExecution"], any(parent(large, large)))
}
