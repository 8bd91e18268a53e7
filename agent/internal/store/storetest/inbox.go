package storetest

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/api/spinnaker"
)

func inboxTests() map[string]func(*testing.T, store.Store) {
	return map[string]func(*testing.T, store.Store){
		"an event is accepted once":                         testEventOnce,
		"events are selected by what the query says":        testEvents,
		"a verdict stands unless it was undecided":          testVerdicts,
		"candidates of one order are due one after another": testCandidateOrder,
		"a candidate is kept whole":                         testCandidate,
		"a start key is used once":                          testStarts,
		"the states of a master's jobs":                     testJobStates,
	}
}

func build(id, job string, minute int) store.Event {
	return store.Event{ID: id, Key: "ci/" + job + "/" + id, Type: "build", Source: "ci", Name: job,
		ReceivedAt: base().Add(time.Duration(minute) * time.Minute), Body: json.RawMessage(`{"content":{"n":41.0}}`)}
}

func testEventOnce(t *testing.T, s store.Store) {
	first := build("1", "job", 0)
	update(t, s, func(tx store.Tx) error { return tx.AddEvent(first) })
	for name, again := range map[string]store.Event{
		"the same event":               first,
		"another id with the same key": {ID: "2", Key: first.Key, Body: first.Body},
	} {
		// The transaction goes on after an event that is there already.
		var err error
		update(t, s, func(tx store.Tx) error {
			err = tx.AddEvent(again)
			return audit(tx, name)
		})
		same(t, name, errors.Is(err, store.ErrExists), true)
	}
	same(t, "rows of the same transactions", actions(t, s), []string{"another id with the same key", "the same event"})

	found := read(t, s, func(r store.Reader) (store.Event, error) { return r.Event("1") })
	same(t, "event", found, first)
	update(t, s, func(tx store.Tx) error { return tx.AddEvent(store.Event{ID: "3", Body: json.RawMessage("{}")}) })
	found = read(t, s, func(r store.Reader) (store.Event, error) { return r.Event("3") })
	same(t, "key of an event without one", found.Key, "3")
	same(t, "time of an event without one", found.ReceivedAt.IsZero(), false)
	err := readError(t, s, func(r store.Reader) (store.Event, error) { return r.Event("nope") })
	same(t, "text", err.Error(), `event "nope": not found`)
}

func testEvents(t *testing.T, s store.Store) {
	hook := store.Event{ID: "h", Type: "webhook", Source: "git", ReceivedAt: base().Add(time.Hour), Body: json.RawMessage("{}")}
	update(t, s, func(tx store.Tx) error {
		return errors.Join(tx.AddEvent(build("1", "a", 1)), tx.AddEvent(build("2", "a", 2)), tx.AddEvent(build("3", "b", 3)), tx.AddEvent(hook))
	})
	cases := []struct {
		name  string
		query store.EventQuery
		want  []string
	}{
		{"all, newest first", store.EventQuery{}, []string{"h", "3", "2", "1"}},
		{"type", store.EventQuery{Type: "webhook"}, []string{"h"}},
		{"source", store.EventQuery{Source: "ci"}, []string{"3", "2", "1"}},
		{"job", store.EventQuery{Type: "build", Source: "ci", Name: "a"}, []string{"2", "1"}},
		{"key", store.EventQuery{Key: "ci/b/3"}, []string{"3"}},
		{"limit", store.EventQuery{Limit: 2}, []string{"h", "3"}},
		{"the next page", store.EventQuery{Offset: 2, Limit: 1}, []string{"2"}},
		{"after the last", store.EventQuery{Offset: 4, Limit: 1}, nil},
	}
	for _, c := range cases {
		var ids []string
		for _, event := range read(t, s, func(r store.Reader) ([]store.Event, error) { return r.Events(c.query) }) {
			ids = append(ids, event.ID)
		}
		same(t, c.name, ids, c.want)
	}
	for _, event := range read(t, s, func(r store.Reader) ([]store.Event, error) { return r.Events(store.EventQuery{BodiesOf: "build"}) }) {
		same(t, "body of "+event.ID, len(event.Body) > 0, event.Type == "build")
	}
}

func testVerdicts(t *testing.T, s store.Store) {
	update(t, s, func(tx store.Tx) error {
		return errors.Join(tx.AddEvent(build("1", "a", 0)), tx.AddEvent(build("2", "a", 0)))
	})
	verdict := func(event, config, trigger string, outcome store.Outcome, minute int) store.Verdict {
		return store.Verdict{EventID: event, Application: "shop", Pipeline: "deploy", PipelineConfigID: config, Trigger: trigger,
			Outcome: outcome, Reason: string(outcome) + " because", ExecutionID: "ex", At: base().Add(time.Duration(minute) * time.Minute)}
	}
	put := func(v store.Verdict) error {
		return s.Update(t.Context(), func(tx store.Tx) error { return tx.PutVerdict(v) })
	}
	ignored, undecided := verdict("1", "p", "#0", store.Ignored, 1), verdict("1", "p", "#1", store.Undecided, 2)
	other := verdict("2", "q", "#0", store.Failed, 3)
	add := func(v store.Verdict) error {
		return s.Update(t.Context(), func(tx store.Tx) error { return tx.AddVerdict(v) })
	}
	same(t, "verdict", put(ignored), error(nil))
	same(t, "first verdict", add(undecided), error(nil))
	same(t, "verdict on another event", add(other), error(nil))
	same(t, "a second first verdict is refused", add(undecided) != nil, true)
	same(t, "a first verdict on an unknown event is refused", add(verdict("nope", "p", "#0", store.Ignored, 0)) != nil, true)
	decided := verdict("1", "p", "#1", store.Fired, 4)
	same(t, "deciding", put(decided), error(nil))
	same(t, "deciding again", errors.Is(put(undecided), store.ErrExists), true)
	same(t, "an unknown event", errors.Is(put(verdict("nope", "p", "#0", store.Ignored, 0)), store.ErrNotFound), true)

	get := func(query store.VerdictQuery) []store.Verdict {
		return read(t, s, func(r store.Reader) ([]store.Verdict, error) { return r.Verdicts(query) })
	}
	same(t, "all, newest first", get(store.VerdictQuery{}), []store.Verdict{decided, other, ignored})
	same(t, "of an event", get(store.VerdictQuery{EventID: "1"}), []store.Verdict{decided, ignored})
	same(t, "of a pipeline", get(store.VerdictQuery{PipelineConfigID: "q"}), []store.Verdict{other})
	same(t, "newest", get(store.VerdictQuery{Limit: 1}), []store.Verdict{decided})
	same(t, "the next page", get(store.VerdictQuery{Offset: 1, Limit: 2}), []store.Verdict{other, ignored})
}

func testCandidateOrder(t *testing.T, s store.Store) {
	add := func(id, order string, sequence int64, due time.Duration) {
		update(t, s, func(tx store.Tx) error {
			return tx.AddCandidate(store.Candidate{ID: id, Order: order, Sequence: sequence, Due: base().Add(due), Deadline: base().Add(time.Hour)})
		})
	}
	add("later", "a", 11, 0)
	add("first", "a", 10, 2*time.Second)
	add("other", "b", 99, time.Second)
	add("free 1", "", 2, 3*time.Second)
	add("free 2", "", 1, 4*time.Second)
	due := func(after time.Duration, limit int) (ids []string) {
		found := read(t, s, func(r store.Reader) ([]store.Candidate, error) { return r.DueCandidates(base().Add(after), limit) })
		for _, c := range found {
			ids = append(ids, c.ID)
		}
		return ids
	}
	same(t, "at first", due(time.Second, 0), []string{"other"})
	same(t, "all heads", due(time.Minute, 0), []string{"other", "first", "free 1", "free 2"})
	same(t, "at most two", due(time.Minute, 2), []string{"other", "first"})

	first := read(t, s, func(r store.Reader) (store.Candidate, error) { return r.Candidate("first") })
	first.Due = base().Add(time.Hour)
	update(t, s, func(tx store.Tx) error { return tx.PutCandidate(first) })
	same(t, "with the first put off, the later one still waits", due(time.Minute, 0), []string{"other", "free 1", "free 2"})
	update(t, s, func(tx store.Tx) error { return errors.Join(tx.DeleteCandidate("first"), tx.DeleteCandidate("absent")) })
	same(t, "with the first decided", due(time.Minute, 1), []string{"later"})
}

func testCandidate(t *testing.T, s store.Store) {
	want := store.Candidate{ID: "c", EventID: "e", PipelineConfigID: "p", Trigger: "#0",
		Fired: spinnaker.Trigger{"type": "jenkins", "buildNumber": json.Number("41")}, StartKey: "k", Order: "o", Sequence: 41,
		Due: base(), Deadline: base().Add(time.Minute), Attempts: 2, LastError: "404"}
	get := func() store.Candidate {
		return read(t, s, func(r store.Reader) (store.Candidate, error) { return r.Candidate("c") })
	}
	update(t, s, func(tx store.Tx) error { return tx.AddCandidate(want) })
	same(t, "candidate", get(), want)
	err := s.Update(t.Context(), func(tx store.Tx) error { return tx.AddCandidate(want) })
	same(t, "adding again", errors.Is(err, store.ErrExists), true)
	want.Attempts, want.LastError, want.Due = 3, "", base().Add(time.Second)
	update(t, s, func(tx store.Tx) error { return tx.PutCandidate(want) })
	same(t, "replaced", get(), want)

	want.ID = "nope"
	err = s.Update(t.Context(), func(tx store.Tx) error { return tx.PutCandidate(want) })
	same(t, "replacing what is not there", errors.Is(err, store.ErrNotFound), true)
	err = readError(t, s, func(r store.Reader) (store.Candidate, error) { return r.Candidate("nope") })
	same(t, "text", err.Error(), `candidate "nope": not found`)
}

func testStarts(t *testing.T, s store.Store) {
	update(t, s, func(tx store.Tx) error { return tx.AddStart("key", "ex1") })
	err := s.Update(t.Context(), func(tx store.Tx) error { return tx.AddStart("key", "ex2") })
	same(t, "second start", errors.Is(err, store.ErrExists), true)
	same(t, "text", err.Error(), `start "key": execution "ex1": exists already`)
	update(t, s, func(tx store.Tx) error { return tx.AddStart("other", "ex2") })
}

func testJobStates(t *testing.T, s store.Store) {
	put := func(master string, states map[string][]byte) {
		update(t, s, func(tx store.Tx) error { return tx.PutJobStates(master, states) })
	}
	get := func(master string) map[string][]byte {
		return read(t, s, func(r store.Reader) (map[string][]byte, error) { return r.JobStates(master) })
	}
	same(t, "nothing known", get("ci"), map[string][]byte{})
	put("ci", map[string][]byte{"a": []byte("1"), "b": []byte("2")})
	put("ci2", map[string][]byte{"a": []byte("9")})
	put("ci", map[string][]byte{"a": []byte("3"), "b": nil, "c": []byte("4"), "empty": {}, "absent": nil})
	same(t, "states", get("ci"), map[string][]byte{"a": []byte("3"), "c": []byte("4"), "empty": {}})
	same(t, "another master", get("ci2"), map[string][]byte{"a": []byte("9")})
}
