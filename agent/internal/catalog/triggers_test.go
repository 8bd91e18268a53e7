package catalog_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/agent/internal/trigger"
)

// armed shows the live triggers of a key as "pipeline trigger".
func (f fixture) armed(key trigger.Key) (out []string) {
	f.t.Helper()
	err := f.store.View(f.t.Context(), func(r store.Reader) error {
		found, _, err := f.Armed(r, key)
		for _, a := range found {
			out = append(out, a.Pipeline.Name+" "+a.Name)
		}
		return err
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return out
}

// Triggers that are disabled, and those of disabled pipelines, are known too: they get verdicts that say so.
func TestOff(t *testing.T) {
	f := open(t)
	const on = `{"type":"jenkins","enabled":true,"master":"ci","job":"a"}`
	f.save(`{"id":"1","application":"shop","name":"disabled","disabled":true,"triggers":[` + on + `]}`)
	f.save(`{"id":"2","application":"shop","name":"off","triggers":[{"type":"jenkins","enabled":false,"master":"ci","job":"a"},` + on + `]}`)
	var off []string
	err := f.store.View(t.Context(), func(r store.Reader) error {
		_, found, err := f.Armed(r, build("a"))
		for _, a := range found {
			off = append(off, a.Pipeline.Name+" "+a.Name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "off", off, []string{"disabled #0", "off #0"})
	same(t, "armed", f.armed(build("a")), []string{"off #1"})
}

func build(job string) trigger.Key { return trigger.Key{Type: trigger.Build, Source: "ci", Name: job} }

func TestArmed(t *testing.T) {
	f := open(t)
	const on = `{"type":"jenkins","enabled":true,"master":"ci","job":"a"}`
	f.save(`{"id":"1","application":"shop","name":"two","triggers":[` + on + `,{"type":"webhook","enabled":true,"source":"git"},
		{"type":"jenkins","enabled":true,"master":"ci","job":"a","id":"named"},{"type":"jenkins","enabled":true,"master":"ci","job":"A"}]}`)
	f.save(`{"id":"2","application":"shop","name":"disabled","disabled":true,"triggers":[` + on + `]}`)
	f.save(`{"id":"3","application":"shop","name":"off","triggers":[{"type":"jenkins","enabled":false,"master":"ci","job":"a"},
		{"type":"jenkins","master":"ci","job":"a"},{"type":"cron","enabled":true}]}`)
	f.save(`{"id":"4","application":"bank","name":"other","triggers":[{"type":"jenkins","enabled":true,"master":"ci2","job":"a"}]}`)
	f.save(`{"id":"5","application":"bank","name":"branches","triggers":[
		{"type":"jenkins","enabled":true,"master":"ci3","job":"svc/job/release%2F*","jobPattern":true},
		{"type":"jenkins","enabled":true,"master":"ci3","job":"svc/job/main"}, {"type":"jenkins","enabled":true,"master":"ci3","job":"x*"}]}`)
	ci3 := func(job string) trigger.Key { return trigger.Key{Type: trigger.Build, Source: "ci3", Name: job} }
	cases := []struct {
		name string
		key  trigger.Key
		want []string
	}{
		{"a job that fits a pattern", ci3("svc/job/release%2F1"), []string{"branches #0"}},
		{"a job beside a pattern", ci3("svc/job/main"), []string{"branches #1"}},
		{"a job that fits what was not said to be a pattern", ci3("xy"), nil},
		{"a job", build("a"), []string{"two #0", "two named"}},
		{"a job in another case", build("A"), []string{"two #3"}},
		{"another master", trigger.Key{Type: trigger.Build, Source: "ci2", Name: "a"}, []string{"other #0"}},
		{"a webhook", trigger.Key{Type: trigger.Webhook, Source: "git"}, []string{"two #1"}},
		{"nobody's job", build("nope"), nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { same(t, "armed", f.armed(c.key), c.want) })
	}

	for master, want := range map[string][]string{"ci": {"A", "a"}, "ci2": {"a"}, "ci3": {"svc/job/main", "svc/job/release%2F*"}, "nope": nil} {
		jobs, err := f.Jobs(t.Context(), master)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "jobs of "+master, jobs, want)
	}
}

// A trigger that is there twice fires once. Different ones that have the same id keep apart: verdicts and starts are kept
// under their names.
func TestArmedTwice(t *testing.T) {
	f := open(t)
	f.save(`{"id":"1","application":"shop","name":"p","triggers":[
		{"id":"x","type":"webhook","enabled":true,"source":"git"}, {"id":"x","type":"webhook","enabled":true,"source":"git"},
		{"id":"x","type":"webhook","enabled":true,"source":"git","payloadConstraints":{"a":"b"}}]}`)
	same(t, "armed", f.armed(trigger.Key{Type: trigger.Webhook, Source: "git"}), []string{"p x", "p #2"})
}

func pipelineFor(id, job string) string {
	return `{"id":"` + id + `","application":"shop","name":"` + id + `","triggers":[{"type":"jenkins","enabled":true,"master":"ci","job":"` + job + `"}]}`
}

func TestArmedIsNeverStale(t *testing.T) {
	f := open(t)
	f.save(pipelineFor("1", "a"))
	same(t, "at first", f.armed(build("a")), []string{"1 #0"})
	f.save(pipelineFor("1", "b"))
	same(t, "after the trigger moved away", f.armed(build("a")), []string(nil))
	same(t, "after the trigger moved there", f.armed(build("b")), []string{"1 #0"})

	err := f.store.Update(t.Context(), func(tx store.Tx) error {
		if _, err := f.SavePipeline(tx, parse(t, pipelineFor("2", "b")), false, "ann"); err != nil {
			return err
		}
		inside, _, err := f.Armed(tx, build("b"))
		same(t, "inside the transaction that saves", len(inside), 2)
		same(t, "outside of it", f.armed(build("b")), []string{"1 #0"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "when it is committed", f.armed(build("b")), []string{"1 #0", "2 #0"})
}

// What a transaction saw that was rolled back must not be taken for what the next one saves.
func TestArmedForgetsWhatWasRolledBack(t *testing.T) {
	f := open(t)
	failure := errors.New("no")
	err := f.store.Update(t.Context(), func(tx store.Tx) error {
		if _, err := f.SavePipeline(tx, parse(t, pipelineFor("lost", "a")), false, "ann"); err != nil {
			return err
		}
		_, _, err := f.Armed(tx, build("a"))
		return errors.Join(err, failure)
	})
	same(t, "the function's error", errors.Is(err, failure), true)
	f.save(pipelineFor("kept", "a"))
	same(t, "armed", f.armed(build("a")), []string{"kept #0"})
}

func TestArmedWhileSaving(t *testing.T) {
	f := open(t)
	var group sync.WaitGroup
	for i := range 4 {
		group.Go(func() {
			for n := range 10 {
				id := fmt.Sprintf("%d-%d", i, n)
				_, _, err := f.SavePipelineNow(t.Context(), "ann", parse(t, pipelineFor(id, id)), false)
				if err != nil {
					t.Error(err)
					return
				}
				if found := f.armed(build(id)); len(found) != 1 {
					t.Errorf("pipeline %s was saved, and its trigger is armed %d times", id, len(found))
				}
			}
		})
	}
	group.Wait()
}
