package storetest

import (
	"fmt"
	"testing"

	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/api/spinnaker"
)

func exportTests() map[string]func(*testing.T, store.Store) {
	return map[string]func(*testing.T, store.Store){
		"pages go on behind a key":                   testExportPages,
		"the versions of all pipelines are listed":   testPipelineVersions,
		"the bodies that an execution keeps":         testKeptBlobs,
		"claims and leases that are held are listed": testHeld,
		"masters with states of jobs are named":      testPolledMasters,
		"audit rows come as they were written":       testAuditAfter,
		"an empty store has nothing to be exported":  testExportNothing,
	}
}

func testExportPages(t *testing.T, s store.Store) {
	for _, id := range []string{"c", "a", "b"} {
		save(t, s, execution(id, stage("s")))
		update(t, s, func(tx store.Tx) error {
			if err := tx.AddEvent(store.Event{ID: id, ReceivedAt: base()}); err != nil {
				return err
			}
			if err := tx.AddCandidate(store.Candidate{ID: id, EventID: id, Due: base(), Deadline: base()}); err != nil {
				return err
			}
			return tx.AddStart(id, "execution of "+id)
		})
	}
	for _, c := range []struct {
		after string
		limit int
		want  string
	}{{"", 2, "[a b]"}, {"b", 2, "[c]"}, {"c", 2, "[]"}, {"aa", 0, "[b c]"}} {
		name := fmt.Sprintf("after %q, %d", c.after, c.limit)
		ids := read(t, s, func(r store.Reader) ([]string, error) { return r.ExecutionIDs(c.after, c.limit) })
		same(t, "executions "+name, fmt.Sprint(ids), c.want)
		ids = read(t, s, func(r store.Reader) ([]string, error) { return r.EventIDs(c.after, c.limit) })
		same(t, "events "+name, fmt.Sprint(ids), c.want)
		ids = nil
		for _, candidate := range read(t, s, func(r store.Reader) ([]store.Candidate, error) { return r.Candidates(c.after, c.limit) }) {
			ids = append(ids, candidate.ID)
		}
		same(t, "candidates "+name, fmt.Sprint(ids), c.want)
		ids = nil
		for _, start := range read(t, s, func(r store.Reader) ([]store.Start, error) { return r.Starts(c.after, c.limit) }) {
			same(t, "the start's execution", start.ExecutionID, "execution of "+start.Key)
			same(t, "the start has a time", start.At.IsZero(), false)
			ids = append(ids, start.Key)
		}
		same(t, "starts "+name, fmt.Sprint(ids), c.want)
	}
}

func testPipelineVersions(t *testing.T, s store.Store) {
	for _, p := range []struct{ id, name string }{{"1", "deploy"}, {"2", "test"}, {"1", "ship"}} {
		put := spinnaker.Pipeline{}
		if err := put.UnmarshalJSON(fmt.Appendf(nil, `{"id":%q,"application":"shop","name":%q,"kept":1.50}`, p.id, p.name)); err != nil {
			t.Fatal(err)
		}
		update(t, s, func(tx store.Tx) error { return tx.PutPipeline(put) })
	}
	update(t, s, func(tx store.Tx) error { return tx.DeletePipeline("2") })
	versions := func(after int64, limit int) []store.PipelineVersion {
		return read(t, s, func(r store.Reader) ([]store.PipelineVersion, error) { return r.PipelineVersions(after, limit) })
	}
	first := versions(0, 2)
	rest := versions(first[1].Sequence, 2)
	var names []string
	for _, version := range append(first, rest...) {
		names = append(names, version.Pipeline.ID+" "+version.Pipeline.Name)
	}
	same(t, "versions", names, []string{"1 deploy", "2 test", "1 ship"})
	same(t, "what it came with", fmt.Sprint(rest[0].Pipeline.Document["kept"]), "1.50")
}

func testKeptBlobs(t *testing.T, s store.Store) {
	save(t, s, execution("ex", stage("a"), stage("b")))
	save(t, s, execution("other", stage("a")))
	shared := put(t, s, store.BlobRef{ExecutionID: "ex", StageID: "a"}, []byte("shared"))
	put(t, s, store.BlobRef{ExecutionID: "ex", StageID: "b", Attempt: 2}, []byte("shared"))
	own := put(t, s, store.BlobRef{ExecutionID: "other", StageID: "a"}, []byte("own"))
	kept := func(id string) []store.KeptBlob {
		return read(t, s, func(r store.Reader) ([]store.KeptBlob, error) { return r.KeptBlobs(id) })
	}
	same(t, "of the first", kept("ex"), []store.KeptBlob{
		{BlobRef: store.BlobRef{ExecutionID: "ex", StageID: "a"}, SHA256: shared.SHA256},
		{BlobRef: store.BlobRef{ExecutionID: "ex", StageID: "b", Attempt: 2}, SHA256: shared.SHA256}})
	same(t, "of the other", kept("other"), []store.KeptBlob{
		{BlobRef: store.BlobRef{ExecutionID: "other", StageID: "a"}, SHA256: own.SHA256}})
}

func testPolledMasters(t *testing.T, s store.Store) {
	update(t, s, func(tx store.Tx) error {
		if err := tx.PutJobStates("two", map[string][]byte{"a": {1}, "b": {2}}); err != nil {
			return err
		}
		return tx.PutJobStates("one", map[string][]byte{"a": {1}})
	})
	same(t, "masters", read(t, s, store.Reader.PolledMasters), []string{"one", "two"})
}

func testHeld(t *testing.T, s store.Store) {
	alive(t, s, "one", "two")
	ref := dueStage(t, s, "ex", "a", base())
	dueStage(t, s, "other", "a", base())
	var claim store.Claim
	update(t, s, func(tx store.Tx) (err error) {
		if claim, err = tx.ClaimStage(ref, "one", base()); err != nil {
			return err
		}
		if _, err := tx.TakeLease("ci", "two"); err != nil {
			return err
		}
		if _, err := tx.TakeLease("given up", "two"); err != nil {
			return err
		}
		return tx.ReleaseLease("given up", "two")
	})
	same(t, "claims", read(t, s, store.Reader.Claims), []store.Claim{claim})
	same(t, "leases", read(t, s, store.Reader.Leases), []store.Lease{{Name: "ci", Incarnation: "two", Epoch: 1}})
}

func testAuditAfter(t *testing.T, s store.Store) {
	for _, action := range []string{"first", "second", "third"} {
		update(t, s, func(tx store.Tx) error { return audit(tx, action) })
	}
	after := int64(0)
	page := func() (rows []store.AuditRow) {
		return read(t, s, func(r store.Reader) (rows []store.AuditRow, err error) {
			rows, after, err = r.AuditAfter(after, 2)
			return rows, err
		})
	}
	var lengths, actions = []int{}, []string{}
	for range 3 {
		rows := page()
		lengths = append(lengths, len(rows))
		for _, row := range rows {
			actions = append(actions, row.Action)
		}
	}
	same(t, "pages", lengths, []int{2, 1, 0})
	same(t, "all of them", len(actions), 3)
}

func testExportNothing(t *testing.T, s store.Store) {
	same(t, "executions", len(read(t, s, func(r store.Reader) ([]string, error) { return r.ExecutionIDs("", 0) })), 0)
	same(t, "bodies", len(read(t, s, func(r store.Reader) ([]store.KeptBlob, error) { return r.KeptBlobs("nope") })), 0)
	same(t, "masters", len(read(t, s, store.Reader.PolledMasters)), 0)
}
