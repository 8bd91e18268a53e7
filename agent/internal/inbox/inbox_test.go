package inbox_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/gennaker/gennaker/agent/internal/catalog"
	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/internal/inbox"
	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/agent/internal/store/sqlite/sqlitetest"
	"github.com/gennaker/gennaker/agent/internal/trigger"
	"github.com/gennaker/gennaker/api/spinnaker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// anyStage takes every stage.
type anyStage struct{}

func (anyStage) ValidateStage(context.Context, string, map[string]any) (bool, []string) {
	return true, nil
}

// starter stores executions that do nothing.
type starter struct {
	newID func() string
	// refuses, by pipeline, is why a launch fails; broken is an error of the store.
	refuses map[string]string
	broken  error

	mu     sync.Mutex
	starts []inbox.Start
}

// begun are the starts so far.
func (s *starter) begun() []inbox.Start {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.starts)
}

func (s *starter) Start(tx store.Tx, start inbox.Start) (id, failure string, err error) {
	if s.broken != nil {
		return "", "", s.broken
	}
	s.mu.Lock()
	s.starts = append(s.starts, start)
	s.mu.Unlock()
	if failure = start.Failure; failure == "" {
		failure = s.refuses[start.Pipeline.Name]
	}
	ex := &engine.Execution{Work: map[string]*engine.Work{}, Execution: &spinnaker.Execution{
		Type: spinnaker.PipelineExecution, ID: s.newID(), Application: start.Pipeline.Application, Name: start.Pipeline.Name,
		PipelineConfigID: start.Pipeline.ID, BuildTime: spinnaker.MillisOf(tx.Now()), Status: spinnaker.NotStarted, Trigger: start.Trigger}}
	return ex.ID, failure, tx.SaveExecution(ex)
}

// master is a Jenkins master whose answers are set by tests, by build number.
type master struct {
	mu         sync.Mutex
	properties map[int64]answer
	builds     map[int64]error
	looks      []string
}

// answer to a look for a property file.
type answer struct {
	values  map[string]any
	mayCome bool
	err     error
}

func (m *master) Properties(_ context.Context, name, job string, number int64, file string) (map[string]any, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.looks = append(m.looks, fmt.Sprintf("%s/%s#%d:%s", name, job, number, file))
	a := m.properties[number]
	return a.values, a.mayCome, a.err
}

func (m *master) Build(_ context.Context, _, _ string, number int64) (trigger.BuildInfo, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return trigger.BuildInfo{Number: number, Result: "SUCCESS", URL: "http://ci/x/", Info: map[string]any{"number": number}}, m.builds[number]
}

func (m *master) PropertyFileTimeout(string) time.Duration { return 30 * time.Second }

// looked is how often property files were looked for.
func (m *master) looked() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.looks)
}

func (m *master) answer(number int64, a answer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.properties[number] = a
}

// fixture is an inbox on a store of its own.
type fixture struct {
	*inbox.Inbox
	t       *testing.T
	store   store.Store
	catalog *catalog.Catalog
	starter *starter
	master  *master
}

// open makes a fixture. Ids are counted; keys are the letters of what they are for.
func open(t *testing.T) fixture {
	t.Helper()
	s := sqlitetest.Open(t)
	var mu sync.Mutex
	n := 0
	newID := func() string {
		mu.Lock()
		defer mu.Unlock()
		n++
		return fmt.Sprintf("id%03d", n)
	}
	f := fixture{t: t, store: s, catalog: catalog.New(s, anyStage{}, "UTC"), starter: &starter{newID: newID, refuses: map[string]string{}},
		master: &master{properties: map[int64]answer{}, builds: map[int64]error{}}}
	f.Inbox = inbox.New(inbox.Options{Store: s, Triggers: f.catalog, Starter: f.starter, Builds: f.master, NewID: newID, Log: slog.New(slog.DiscardHandler)})
	return f
}

// save stores a pipeline of application "shop" whose id is its name.
func (f fixture) save(name, members string) spinnaker.Pipeline {
	f.t.Helper()
	var p spinnaker.Pipeline
	if err := json.Unmarshal([]byte(`{"application":"shop","id":"`+name+`","name":"`+name+`"`+members+`}`), &p); err != nil {
		f.t.Fatal(err)
	}
	saved, _, err := f.catalog.SavePipelineNow(f.t.Context(), "ann", p, false)
	if err != nil {
		f.t.Fatal(err)
	}
	return saved
}

func webhook(payload map[string]any) trigger.Event {
	return trigger.Event{Type: trigger.Webhook, Source: "bot", Payload: payload}
}

func build(number int64, result string) trigger.Event {
	return trigger.Event{Type: trigger.Build, Source: "ci", Name: "a/job/b",
		Build: &trigger.BuildInfo{Number: number, Result: result, URL: "http://ci/x/", Info: map[string]any{"number": number}}}
}

func (f fixture) accept(event trigger.Event, key string) inbox.Receipt {
	f.t.Helper()
	receipt, err := f.Accept(f.t.Context(), event, key)
	if err != nil {
		f.t.Fatal(err)
	}
	return receipt
}

// verdicts of an event as "pipeline trigger: outcome: reason".
func (f fixture) verdicts(eventID string) map[string]string {
	f.t.Helper()
	explained, err := f.Explain(f.t.Context(), eventID, inbox.Page{})
	if err != nil {
		f.t.Fatal(err)
	}
	out := map[string]string{}
	for _, v := range explained.Verdicts {
		if (v.ExecutionID != "") != (v.Outcome == store.Fired || v.Outcome == store.Failed) {
			f.t.Errorf("%s: outcome %s with execution %q", v.Pipeline, v.Outcome, v.ExecutionID)
		}
		out[v.Pipeline+" "+v.Trigger] = string(v.Outcome) + ": " + v.Reason
	}
	return out
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// Every trigger of the source gets a verdict in words; those that fire have started when Accept returns.
func TestAccept(t *testing.T) {
	f := open(t)
	const on = `{"type":"webhook","enabled":true,"source":"bot"`
	f.save("all", `,"triggers":[`+on+`,"runAsUser":"robot"}]`)
	f.save("stage", `,"triggers":[`+on+`,"id":"t1","payloadConstraints":{"env":"stage"}},`+on+`,"payloadConstraints":{"env":"prod"}}]`)
	f.save("refused", `,"triggers":[`+on+`}]`)
	f.save("off", `,"disabled":true,"triggers":[`+on+`}]`)
	f.save("other", `,"triggers":[{"type":"webhook","enabled":true,"source":"Bot"}]`)
	f.starter.refuses["refused"] = "no stages"

	receipt := f.accept(webhook(map[string]any{"env": "prod", "parameters": map[string]any{"a": json.Number("1.0")}}), "")
	if len(receipt.Started) != 3 || receipt.Duplicate || receipt.EventID == "" {
		t.Errorf("receipt: %+v", receipt)
	}
	const fired = `fired: webhook from source "bot"`
	same(t, "verdicts", f.verdicts(receipt.EventID), map[string]string{
		"all #0": fired, "stage #1": fired,
		"stage t1":   `ignored: payload "env" is "prod"; the trigger wants it to match "stage"`,
		"refused #0": `failed: webhook from source "bot"; the start failed: no stages`,
		"off #0":     "ignored: the pipeline is disabled",
	})
	for _, start := range f.starter.begun() {
		if start.Trigger.Text("eventId") != receipt.EventID || start.Trigger.Object("parameters")["a"] != json.Number("1.0") {
			t.Errorf("%s was started with %v", start.Pipeline.Name, start.Trigger)
		}
		if want := map[string]string{"all": "robot"}[start.Pipeline.Name]; start.User != want || start.Origin != "" {
			t.Errorf("%s was started by %q", start.Pipeline.Name, start.User)
		}
	}
}

// An event of the same key is the same event: nothing is done again.
func TestDuplicate(t *testing.T) {
	f := open(t)
	f.save("p", `,"triggers":[{"type":"webhook","enabled":true,"source":"bot"}]`)
	first := f.accept(webhook(nil), "key")
	second := f.accept(webhook(nil), "key")
	if !second.Duplicate || second.EventID != first.EventID || second.Started != nil || len(f.starter.begun()) != 1 {
		t.Errorf("first %+v, second %+v, %d starts", first, second, len(f.starter.begun()))
	}
	if third := f.accept(webhook(nil), "another key"); third.Duplicate || len(f.starter.begun()) != 2 {
		t.Errorf("an event of another key: %+v, %d starts", third, len(f.starter.begun()))
	}
}

// Nothing is kept of an event that could not be dealt with whole: whoever sends it sends it again.
func TestAllOrNothing(t *testing.T) {
	f := open(t)
	f.save("p", `,"triggers":[{"type":"webhook","enabled":true,"source":"bot"}]`)
	f.starter.broken = errors.New("disk full")
	_, err := f.Accept(t.Context(), webhook(nil), "key")
	if want := `accept webhook event from "bot": pipeline "p" of "shop", trigger #0: disk full`; err == nil || err.Error() != want {
		t.Errorf("found %v\nwant  %s", err, want)
	}
	f.starter.broken = nil
	if receipt := f.accept(webhook(nil), "key"); receipt.Duplicate || len(receipt.Started) != 1 {
		t.Errorf("sent again: %+v", receipt)
	}
}

// running runs the decisions of candidates until the test ends.
func (f fixture) running() {
	ctx, stop := context.WithCancel(f.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx) }()
	f.t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			f.t.Error(err)
		}
	})
}

const propertyTrigger = `,"triggers":[{"type":"jenkins","enabled":true,"master":"ci","job":"a/job/b","propertyFile":"build.properties"}]`

var late = answer{mayCome: true, err: errors.New(`jenkins "ci": read build.properties: not among the archived artifacts`)}

// A property file that is late: the verdict says what is waited for and what came back, then the pipeline starts with it.
func TestLatePropertyFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := open(t)
		f.save("p", propertyTrigger)
		f.master.answer(1, late)
		f.running()
		began := time.Now()
		receipt := f.accept(build(1, "SUCCESS"), "1")
		if receipt.Started != nil {
			t.Errorf("started before the file was there: %+v", receipt)
		}
		same(t, "at first", f.verdicts(receipt.EventID), map[string]string{
			"p #0": `undecided: waiting for property file "build.properties" of build 1 of job "a/job/b" on master "ci"`})
		time.Sleep(4 * time.Second)
		same(t, "after 4 s", f.verdicts(receipt.EventID), map[string]string{
			"p #0": fmt.Sprintf(`undecided: waiting until %s for property file "build.properties": jenkins "ci": read build.properties: not among the archived artifacts`,
				began.Add(30*time.Second).UTC().Format("15:04:05 MST"))})
		f.master.answer(1, answer{values: map[string]any{"image": "r/i:1"}})
		time.Sleep(5 * time.Second)
		same(t, "at last", f.verdicts(receipt.EventID), map[string]string{
			"p #0": `fired: build 1 of job "a/job/b" on master "ci" ended SUCCESS`})
		if len(f.starter.begun()) != 1 || f.starter.begun()[0].Trigger.Object("properties")["image"] != "r/i:1" {
			t.Errorf("starts: %+v", f.starter.begun())
		}
		looks := f.master.looked()
		if time.Sleep(time.Minute); f.master.looked() != looks || looks > 8 {
			t.Errorf("looked %d times, then %d more", looks, f.master.looked()-looks)
		}
	})
}

// The deadline decides too, at once when waiting is of no use. What could not be read is in the trigger and the verdict.
func TestMissingPropertyFile(t *testing.T) {
	for _, test := range []struct {
		name, members string
		answer        answer
		after         time.Duration
		verdict       string
	}{
		{"at the deadline", propertyTrigger, late, 31 * time.Second,
			`fired: build 1 of job "a/job/b" on master "ci" ended SUCCESS, started without properties: ` + late.err.Error()},
		{"malformed, at once", propertyTrigger, answer{err: errors.New("malformed: line 1")}, time.Second,
			`fired: build 1 of job "a/job/b" on master "ci" ended SUCCESS, started without properties: malformed: line 1`},
		{"strict", strings.Replace(propertyTrigger, `"enabled"`, `"strict":true,"enabled"`, 1), answer{err: errors.New("malformed: line 1")}, time.Second,
			"failed: malformed: line 1; the start failed: malformed: line 1"},
		{"a constraint on what is not there", strings.Replace(propertyTrigger, `"enabled"`, `"payloadConstraints":{"env":"prod"},"enabled"`, 1),
			answer{err: errors.New("malformed: line 1")}, time.Second,
			`ignored: property "env" is missing; the trigger wants it to match "prod": malformed: line 1`},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := open(t)
				f.save("p", test.members)
				f.master.answer(1, test.answer)
				f.running()
				receipt := f.accept(build(1, "SUCCESS"), "1")
				time.Sleep(test.after)
				same(t, "verdict", f.verdicts(receipt.EventID), map[string]string{"p #0": test.verdict})
				for _, start := range f.starter.begun() {
					if start.Trigger["properties"] != nil || start.Trigger.Text("propertiesError") != test.answer.err.Error() {
						t.Errorf("started with %v", start.Trigger)
					}
				}
			})
		})
	}
}

// Builds of a job start a pipeline in their order, whichever property file comes first; a file that never comes does not
// hold later builds for ever.
func TestBuildOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := open(t)
		f.save("p", propertyTrigger)
		f.master.answer(1, late)
		f.master.answer(2, answer{values: map[string]any{"n": "2"}})
		f.master.answer(3, answer{values: map[string]any{"n": "3"}})
		f.running()
		for number := range int64(3) {
			f.accept(build(number+1, "SUCCESS"), fmt.Sprint(number+1))
		}
		if time.Sleep(10 * time.Second); len(f.starter.begun()) != 0 {
			t.Errorf("%d starts before the first build is decided", len(f.starter.begun()))
		}
		time.Sleep(25 * time.Second)
		var order []string
		for _, start := range f.starter.begun() {
			order = append(order, start.Trigger.Text("buildNumber"))
		}
		same(t, "order of the starts", order, []string{"1", "2", "3"})
	})
}

// The pipeline as it is when the decision falls counts.
func TestChangedWhileWaiting(t *testing.T) {
	for name, change := range map[string]func(f fixture){
		"disabled": func(f fixture) { f.save("p", `,"disabled":true`+propertyTrigger) },
		"deleted": func(f fixture) {
			if err := f.catalog.DeletePipelineNow(f.t.Context(), "ann", "shop", "p"); err != nil {
				f.t.Fatal(err)
			}
		},
		"another job": func(f fixture) { f.save("p", strings.Replace(propertyTrigger, "a/job/b", "c", 1)) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := open(t)
				f.save("p", propertyTrigger)
				f.master.answer(1, late)
				f.running()
				receipt := f.accept(build(1, "SUCCESS"), "1")
				time.Sleep(3 * time.Second)
				change(f)
				f.master.answer(1, answer{values: map[string]any{}})
				time.Sleep(10 * time.Second)
				explained, err := f.Explain(t.Context(), receipt.EventID, inbox.Page{})
				if err != nil || len(explained.Verdicts) != 1 {
					t.Fatalf("%+v, %v", explained, err)
				}
				v := explained.Verdicts[0]
				if v.Outcome != store.Ignored || v.Reason != "the pipeline or its trigger was changed, disabled or deleted while the event waited" || len(f.starter.begun()) != 0 {
					t.Errorf("%s: %s, %d starts", v.Outcome, v.Reason, len(f.starter.begun()))
				}
			})
		})
	}
}

// A decision is made once, also when the agent ended in between: it is a row.
func TestDecidedByTheNextAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := open(t)
		f.save("p", propertyTrigger)
		receipt := f.accept(build(1, "SUCCESS"), "1") // nobody decides yet
		next := inbox.New(f.Options)
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		if err := next.Run(ctx); err != nil {
			t.Error(err)
		}
		same(t, "verdict", f.verdicts(receipt.EventID), map[string]string{"p #0": `fired: build 1 of job "a/job/b" on master "ci" ended SUCCESS`})
		if f.running(); len(f.starter.begun()) != 1 {
			t.Errorf("%d starts", len(f.starter.begun()))
		}
	})
}

func TestExplain(t *testing.T) {
	f := open(t)
	f.save("p", `,"triggers":[{"type":"jenkins","enabled":true,"master":"ci","job":"a/job/b"}]`)
	for number := range int64(4) {
		f.accept(build(number+1, "FAILURE"), fmt.Sprint(number+1))
	}
	f.accept(webhook(nil), "")
	if _, err := f.Accept(t.Context(), trigger.Event{Type: trigger.Build, Source: "ci", Name: "a/job/b"}, ""); err == nil {
		t.Error("the event of a build without a build was accepted")
	}
	query := store.EventQuery{Type: trigger.Build, Source: "ci", Name: "a/job/b", Limit: 3}
	found, err := f.ExplainAll(t.Context(), query, 0)
	if err != nil || len(found) != 3 || found[0].Number != 4 || found[2].Number != 2 {
		t.Errorf("the newest three: %+v, %v", found, err)
	}
	found, err = f.ExplainAll(t.Context(), query, 1)
	if err != nil || len(found) != 1 || found[0].Number != 1 || len(found[0].Verdicts) != 1 ||
		found[0].Verdicts[0].Reason != `build 1 of job "a/job/b" on master "ci" ended FAILURE; the trigger fires on SUCCESS` {
		t.Errorf("build 1: %+v, %v", found, err)
	}
	if _, err := f.Explain(t.Context(), "none", inbox.Page{}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("an unknown event: %v", err)
	}
}

// An event that thousands of triggers could have meant keeps a bounded number of verdicts that started nothing, says how many
// more there were, and starts all that it means.
func TestVerdictsAreBounded(t *testing.T) {
	f := open(t)
	var silent, off, loud []string
	for n := range 600 {
		silent = append(silent, fmt.Sprintf(`{"type":"webhook","enabled":true,"source":"bot","payloadConstraints":{"n":"^%d$"}}`, n))
		off = append(off, fmt.Sprintf(`{"type":"webhook","enabled":false,"source":"bot","payloadConstraints":{"n":"^%d$"}}`, n))
	}
	for n := range 3 {
		loud = append(loud, fmt.Sprintf(`{"type":"webhook","enabled":true,"source":"bot","payloadConstraints":{"n":"x%d?"}}`, n))
	}
	for name, triggers := range map[string][]string{"silent": silent, "off": off, "zloud": loud} {
		f.save(name, `,"triggers":[`+strings.Join(triggers, ",")+`]`)
	}
	receipt := f.accept(webhook(map[string]any{"n": "x"}), "")
	if len(receipt.Started) != len(loud) {
		t.Errorf("%d pipelines started, expected %d", len(receipt.Started), len(loud))
	}
	outcomes := map[string]int{}
	verdicts := f.verdicts(receipt.EventID)
	for _, verdict := range verdicts {
		outcome, _, _ := strings.Cut(verdict, ":")
		outcomes[outcome]++
	}
	if want := map[string]int{"fired": 3, "ignored": 1001}; !cmp.Equal(outcomes, want) {
		t.Errorf("outcomes %v, expected %v", outcomes, want)
	}
	if got, want := verdicts[" "], "ignored: 200 more triggers did not fire; of one event, 1000 such verdicts are kept"; got != want {
		t.Errorf("the last verdict is %q, expected %q", got, want)
	}

	seen := map[string]bool{}
	for offset, more := 0, true; more; offset += 300 {
		page, err := f.Explain(t.Context(), receipt.EventID, inbox.Page{Offset: offset, Limit: 300})
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range page.Verdicts {
			seen[v.Pipeline+" "+v.Trigger] = true
		}
		more = page.More
	}
	if len(seen) != len(verdicts) {
		t.Errorf("the pages have %d verdicts, expected %d", len(seen), len(verdicts))
	}
	all, err := f.ExplainAll(t.Context(), store.EventQuery{Limit: 10}, 0)
	if err != nil || len(all) != 1 || len(all[0].Verdicts) != 100 || !all[0].More || len(all[0].Body) != 0 {
		t.Errorf("the list has %+v, %v", all, err)
	}
}
