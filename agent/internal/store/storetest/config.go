package storetest

import (
	"errors"
	"testing"

	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/api/spinnaker"
)

func configTests() map[string]func(*testing.T, store.Store) {
	return map[string]func(*testing.T, store.Store){
		"applications are kept as they were saved": testApplications,
		"pipelines keep every member":              testPipeline,
		"pipelines come by index and name":         testPipelineOrder,
		"a name is taken once per application":     testPipelineNames,
		"the history survives a delete":            testHistory,
		"an application goes with its pipelines":   testDeleteApplication,
		"the generation tells changes":             testGeneration,
		"a generation is never given out twice":    testGenerationRollback,
	}
}

func pipeline(tb testing.TB, document string) spinnaker.Pipeline {
	tb.Helper()
	var p spinnaker.Pipeline
	if err := p.UnmarshalJSON([]byte(document)); err != nil {
		tb.Fatal(err)
	}
	return p
}

func testApplications(t *testing.T, s store.Store) {
	shop := spinnaker.Application{"name": "shop", "email": "team@x", "instancePort": "80", "extra": map[string]any{"a": "b"}}
	update(t, s, func(tx store.Tx) error {
		return errors.Join(tx.PutApplication(shop), tx.PutApplication(spinnaker.Application{"name": "bank"}))
	})
	found := read(t, s, func(r store.Reader) (spinnaker.Application, error) { return r.Application("SHOP") })
	same(t, "application", found, shop)
	all := read(t, s, store.Reader.Applications)
	same(t, "all", all, []spinnaker.Application{{"name": "bank"}, shop})

	err := readError(t, s, func(r store.Reader) (spinnaker.Application, error) { return r.Application("nope") })
	same(t, "not found", errors.Is(err, store.ErrNotFound), true)
	same(t, "text", err.Error(), `application "nope": not found`)
}

func testPipeline(t *testing.T, s store.Store) {
	p := pipeline(t, `{"id":"p1","application":"shop","name":"Deploy","index":2,"unknown":{"big":9007199254740993,"x":41.0},
		"stages":[{"refId":"1","type":"wait","waitTime":5}]}`)
	update(t, s, func(tx store.Tx) error { return tx.PutPipeline(p) })
	found := read(t, s, func(r store.Reader) (spinnaker.Pipeline, error) { return r.Pipeline("p1") })
	same(t, "pipeline", found, p)
	err := readError(t, s, func(r store.Reader) (spinnaker.Pipeline, error) { return r.Pipeline("p2") })
	same(t, "text", err.Error(), `pipeline "p2": not found`)
}

func testPipelineOrder(t *testing.T, s store.Store) {
	for _, document := range []string{
		`{"id":"1","application":"shop","name":"zebra"}`,
		`{"id":"2","application":"shop","name":"Ant"}`,
		`{"id":"3","application":"shop","name":"last but one","index":1}`,
		`{"id":"4","application":"shop","name":"first","index":0}`,
		`{"id":"5","application":"bank","name":"other"}`,
	} {
		update(t, s, func(tx store.Tx) error { return tx.PutPipeline(pipeline(t, document)) })
	}
	names := func(application string) (out []string) {
		found := read(t, s, func(r store.Reader) ([]spinnaker.Pipeline, error) { return r.Pipelines(application) })
		for _, p := range found {
			out = append(out, p.Name)
		}
		return out
	}
	same(t, "of the application", names("Shop"), []string{"first", "last but one", "Ant", "zebra"})
	same(t, "of all", names(""), []string{"other", "first", "last but one", "Ant", "zebra"})
	same(t, "of an unknown application", names("nope"), []string(nil))
	named := read(t, s, func(r store.Reader) (spinnaker.Pipeline, error) { return r.PipelineNamed("SHOP", "ant") })
	same(t, "by its name", named.ID, "2")
	err := readError(t, s, func(r store.Reader) (spinnaker.Pipeline, error) { return r.PipelineNamed("bank", "ant") })
	same(t, "by a name of another application", errors.Is(err, store.ErrNotFound), true)
	testVersions(t, s)
}

// testVersions: a version changes with its configuration, and only with that.
func testVersions(t *testing.T, s store.Store) {
	versions := func() (ids []string, of map[string]int64) {
		of = map[string]int64{}
		for _, v := range read(t, s, store.Reader.PipelineStates) {
			ids, of[v.ID] = append(ids, v.ID), v.Version
		}
		return ids, of
	}
	ids, before := versions()
	same(t, "order of versions", ids, []string{"5", "4", "3", "2", "1"})
	update(t, s, func(tx store.Tx) error {
		return errors.Join(tx.PutPipeline(pipeline(t, `{"id":"2","application":"shop","name":"Ant","x":1}`)), tx.DeletePipeline("5"))
	})
	ids, after := versions()
	same(t, "order of versions after a delete", ids, []string{"4", "3", "2", "1"})
	for _, id := range ids {
		same(t, "version of "+id+" has changed", after[id] != before[id], id == "2")
	}
}

func testPipelineNames(t *testing.T, s store.Store) {
	update(t, s, func(tx store.Tx) error {
		return tx.PutPipeline(pipeline(t, `{"id":"1","application":"shop","name":"Deploy"}`))
	})
	cases := []struct {
		name, document string
		taken          bool
	}{
		{"another of that name", `{"id":"2","application":"shop","name":"dePLOY"}`, true},
		{"itself in another case", `{"id":"1","application":"shop","name":"DEPLOY"}`, false},
		{"in another application", `{"id":"3","application":"bank","name":"Deploy"}`, false},
	}
	for _, c := range cases {
		err := s.Update(t.Context(), func(tx store.Tx) error { return tx.PutPipeline(pipeline(t, c.document)) })
		if errors.Is(err, store.ErrExists) != c.taken || !c.taken && err != nil {
			t.Errorf("%s: found error %v", c.name, err)
		}
	}
}

func testHistory(t *testing.T, s store.Store) {
	for _, document := range []string{
		`{"id":"1","application":"shop","name":"v1"}`, `{"id":"1","application":"shop","name":"v2"}`,
		`{"id":"1","application":"shop","name":"v3"}`,
	} {
		update(t, s, func(tx store.Tx) error { return tx.PutPipeline(pipeline(t, document)) })
	}
	update(t, s, func(tx store.Tx) error { return errors.Join(tx.DeletePipeline("1"), tx.DeletePipeline("absent")) })
	names := func(limit int) (out []string) {
		found := read(t, s, func(r store.Reader) ([]spinnaker.Pipeline, error) { return r.PipelineHistory("1", limit) })
		for _, p := range found {
			out = append(out, p.Name)
		}
		return out
	}
	same(t, "whole history", names(0), []string{"v3", "v2", "v1"})
	same(t, "newest two", names(2), []string{"v3", "v2"})
	err := readError(t, s, func(r store.Reader) (spinnaker.Pipeline, error) { return r.Pipeline("1") })
	same(t, "deleted", errors.Is(err, store.ErrNotFound), true)
}

func testDeleteApplication(t *testing.T, s store.Store) {
	update(t, s, func(tx store.Tx) error {
		return errors.Join(
			tx.PutApplication(spinnaker.Application{"name": "shop"}),
			tx.PutPipeline(pipeline(t, `{"id":"1","application":"shop","name":"a"}`)),
			tx.PutPipeline(pipeline(t, `{"id":"2","application":"bank","name":"a"}`)))
	})
	update(t, s, func(tx store.Tx) error {
		return errors.Join(tx.DeleteApplication("SHOP"), tx.DeleteApplication("absent"))
	})
	left := read(t, s, func(r store.Reader) ([]spinnaker.Pipeline, error) { return r.Pipelines("") })
	same(t, "pipelines left", len(left), 1)
	same(t, "pipeline left", left[0].ID, "2")
}

func testGeneration(t *testing.T, s store.Store) {
	last := read(t, s, store.Reader.Generation)
	steps := []struct {
		name   string
		change func(store.Tx) error
		new    bool
	}{
		{"an application", func(tx store.Tx) error { return tx.PutApplication(spinnaker.Application{"name": "shop"}) }, true},
		{"a pipeline", func(tx store.Tx) error {
			return tx.PutPipeline(pipeline(t, `{"id":"1","application":"shop","name":"a"}`))
		}, true},
		{"an audit row", func(tx store.Tx) error { return audit(tx, "x") }, false},
		{"a pipeline's delete", func(tx store.Tx) error { return tx.DeletePipeline("1") }, true},
		{"an application's delete", func(tx store.Tx) error { return tx.DeleteApplication("shop") }, true},
	}
	for _, step := range steps {
		update(t, s, step.change)
		now := read(t, s, store.Reader.Generation)
		same(t, "new generation after "+step.name, now != last, step.new)
		last = now
	}
}

// What was read inside a transaction may be kept under its generation although the transaction then fails.
func testGenerationRollback(t *testing.T, s store.Store) {
	put := func(name string, failure error) (generation int64) {
		err := s.Update(t.Context(), func(tx store.Tx) (err error) {
			if err := tx.PutApplication(spinnaker.Application{"name": name}); err != nil {
				return err
			}
			generation, err = tx.Generation()
			return errors.Join(err, failure)
		})
		if !errors.Is(err, failure) {
			t.Fatalf("update: %v", err)
		}
		return generation
	}
	lost := put("lost", errors.New("no"))
	kept := put("kept", nil)
	if lost == kept {
		t.Errorf("generation %d was given out for a change that was rolled back and for another", kept)
	}
}
