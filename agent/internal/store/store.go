package store

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// ErrNotFound is returned (wrapped, with what was looked for) when no row fits.
var ErrNotFound = errors.New("not found")

// ErrStale is returned by a Tx when a claim or lease is no longer its holder's.
var ErrStale = errors.New("no longer the holder")

// ErrExists is returned by a Tx when a row with that key is there already.
var ErrExists = errors.New("exists already")

// ErrHeld is returned by a Tx when another transaction is at an execution.
var ErrHeld = errors.New("held by another transaction")

// ErrTooLarge is returned for a body over the limit.
var ErrTooLarge = errors.New("too large")

// ErrUnavailable is returned (wrapped, with the cause and what to do) while the store cannot keep or read anything: a full
// disk, a read-only or damaged file, a lost connection. Nothing of the update was kept; it may succeed later.
var ErrUnavailable = errors.New("the store is not available")

// Store keeps everything the agent must not forget.
type Store interface {
	// Update runs change in a transaction and returns once it is durable. change touches only its Tx, may run again, and
	// acts on the outside only in AfterCommit or after Update has returned; an Update inside it would wait for itself. The
	// error of change comes back as it is (ErrUnavailable with the store's name), and nothing is kept then. A panic of
	// change is the caller's. Concurrent updates may share one commit. ctx counts only while the update is queued.
	Update(ctx context.Context, change func(Tx) error) error
	// View runs read on a consistent snapshot. When ctx ends, the next read fails.
	View(ctx context.Context, read func(Reader) error) error
	// Due is signalled (never blocked on) after a commit that gave a stage or candidate a due time, now or later, or an
	// execution an event. It is for one consumer: signals are not queued, and each is received once. Polling is the
	// safety net.
	Due() <-chan struct{}

	// Announce tells other agents on the store of work that this one will not take itself. It does not wait.
	Announce()

	// PutBlob stores a body under a reference that keeps it until ReleaseBlobs or until its stage or execution is
	// deleted, and returns its name. The execution must be there, else ErrNotFound. A body that is there already is not
	// stored twice. A body over limit bytes is ErrTooLarge.
	PutBlob(ctx context.Context, ref BlobRef, mediaType string, body io.Reader, limit int64) (Blob, error)
	// OpenBlob reads a body as a stream. ctx counts until the stream is closed.
	OpenBlob(ctx context.Context, sha256 string) (io.ReadCloser, Blob, error)
	// CollectBlobs deletes bodies without reference that are older than age, in small batches, and says how many.
	CollectBlobs(ctx context.Context, age time.Duration) (int, error)

	// Ping says whether the store can be written to and has found no damage: the agent's readiness.
	Ping(ctx context.Context) error
	// Stats counts what this process has done since the store was opened.
	Stats() Stats
	Close() error
}

// Stats count what a store has done since it was opened.
type Stats struct {
	// Updates are the functions that were committed; Commits are the transactions they shared.
	Updates, Commits uint64
	// Repeated counts how often a function was run again because another transaction was in its way.
	Repeated uint64
	// Queued is how many updates, and reads where they share connections with them, wait for their turn now.
	Queued int64
}

// Reader reads one consistent state.
type Reader interface {
	Exporter

	// Now is the database's time, the same during the whole transaction.
	Now() time.Time

	// Application returns the attributes of the application of that name (case ignored).
	Application(name string) (spinnaker.Application, error)
	// Applications returns all, by name.
	Applications() ([]spinnaker.Application, error)

	// Pipeline returns the pipeline configuration with that id.
	Pipeline(id string) (spinnaker.Pipeline, error)
	// PipelineNamed returns the pipeline configuration of that name in an application (case ignored).
	PipelineNamed(application, name string) (spinnaker.Pipeline, error)
	// Pipelines returns the configurations of an application, or all of them when it is "", by index and name.
	Pipelines(application string) ([]spinnaker.Pipeline, error)
	// PipelineStates names the present versions of all configurations, in the order of Pipelines. Of two committed states that have
	// the same version of a configuration, the configuration is the same.
	PipelineStates() ([]PipelineState, error)
	// PipelineHistory returns earlier and present versions of a configuration, newest first.
	PipelineHistory(id string, limit int) ([]spinnaker.Pipeline, error)
	// Generation numbers the states of applications and pipelines: equal numbers mean nothing has changed. A number is
	// never used for a second state, even if the transaction in which it was read is rolled back.
	Generation() (int64, error)

	// Execution returns an execution with its stages and their work.
	Execution(id string) (*engine.Execution, error)
	// Executions lists executions, the newest build time first. It reads no blobs.
	Executions(query ExecutionQuery) ([]*spinnaker.Execution, error)
	// ExecutionByCorrelation finds the oldest execution with that correlationId in its trigger.
	ExecutionByCorrelation(correlationID string) (id string, err error)
	// ExpiredExecutions returns up to limit finished executions that a retention does not keep, the oldest first.
	ExpiredExecutions(keep ExecutionRetention, limit int) (ids []string, err error)
	// Slots returns the unfinished executions of a pipeline configuration, oldest first.
	Slots(pipelineConfigID string) ([]Slot, error)
	// ExecutionEvents returns the events of an execution that no Advance has consumed, oldest first.
	ExecutionEvents(executionID string) ([]engine.Event, error)
	// StageLog returns up to limit log lines of a stage from an offset (counted in lines).
	StageLog(executionID, stageID string, offset, limit int) ([]LogLine, error)

	// DueStages returns unclaimed stages that are due at now, longest waiting first.
	DueStages(now time.Time, limit int) ([]StageRef, error)
	// PendingExecutions returns executions with unconsumed events, longest waiting first.
	PendingExecutions(limit int) ([]string, error)
	// NextDue returns the earliest due time of any unclaimed stage, or candidate that is first of its order; zero when
	// there is none.
	NextDue() (time.Time, error)

	// Event returns an accepted event; Events lists them, newest first.
	Event(id string) (Event, error)
	Events(query EventQuery) ([]Event, error)
	// Verdicts lists verdicts, newest first.
	Verdicts(query VerdictQuery) ([]Verdict, error)
	// Candidate returns an undecided candidate.
	Candidate(id string) (Candidate, error)
	// DueCandidates returns candidates that may be decided at now: due, and first of their order key (an empty one
	// orders nothing). Longest waiting first.
	DueCandidates(now time.Time, limit int) ([]Candidate, error)

	// JobStates returns what is remembered of the things of a source: of a master's jobs by their full names, of what a feed
	// looks at.
	JobStates(source string) (map[string][]byte, error)
	// Lease returns a lease that somebody holds.
	Lease(name string) (Lease, error)
	// ClaimsOf returns the claims that an incarnation holds.
	ClaimsOf(incarnation string) ([]Claim, error)
	// Incarnations returns the agent processes that are known.
	Incarnations() ([]Incarnation, error)

	// Audit lists audit rows, the last written first.
	Audit(limit int) ([]AuditRow, error)
}

// Exporter reads what a Reader does not list: together they give everything, for copies and checks. Where rows come in
// pages, a page holds up to limit rows whose keys come after one, in the order of their keys; "" or 0 is before all.
type Exporter interface {
	// ExecutionIDs returns the ids of executions.
	ExecutionIDs(after string, limit int) ([]string, error)
	// KeptBlobs returns the bodies that an execution and its stages keep.
	KeptBlobs(executionID string) ([]KeptBlob, error)
	// PipelineVersions returns the versions of all configurations, as they came to be.
	PipelineVersions(after int64, limit int) ([]PipelineVersion, error)
	// EventIDs returns the ids of accepted events.
	EventIDs(after string, limit int) ([]string, error)
	// Candidates returns candidates by their ids.
	Candidates(after string, limit int) ([]Candidate, error)
	// Starts returns starts by their keys.
	Starts(after string, limit int) ([]Start, error)
	// PolledMasters returns the masters of which there are states of jobs.
	PolledMasters() ([]string, error)
	// AuditAfter returns audit rows as they were written, and the key of the last one.
	AuditAfter(after int64, limit int) (rows []AuditRow, last int64, err error)
	// Claims and Leases return those that somebody holds.
	Claims() ([]Claim, error)
	Leases() ([]Lease, error)
}

// Tx reads and writes inside one transaction. What it decides by stays as it is until it ends: an execution, candidate,
// pipeline or application that was read by its id, an id that was looked for by its correlation, and the slots of a
// pipeline after LockSlots. Other reads may see what others commit meanwhile.
type Tx interface {
	Reader

	// AfterCommit has f run, with those before it, once the transaction is durable and before Update returns.
	AfterCommit(f func())

	PutApplication(spinnaker.Application) error
	// DeleteApplication deletes an application and its pipelines; absent is no error.
	DeleteApplication(name string) error
	// PutPipeline inserts or replaces a configuration by its id and adds the version to its history. Another
	// configuration of that name (case ignored) in the application is ErrExists.
	PutPipeline(p spinnaker.Pipeline) error
	// DeletePipeline deletes a configuration; its history stays. Absent is no error.
	DeletePipeline(id string) error

	// TakeExecution returns an execution that is to be changed with its events that no Advance has consumed, oldest first.
	// One that another transaction is at is waited for, or without wait ErrHeld at once.
	TakeExecution(id string, wait bool) (*engine.Execution, []engine.Event, error)
	// LockSlots, before Slots, has transactions that decide by the slots of a pipeline configuration take turns until they
	// end. Those that need not be the only one wait for one that is, and it for them.
	LockSlots(pipelineConfigID string, only bool) error
	// AddExecution stores a new execution. One that is there with that id makes the update fail.
	AddExecution(*engine.Execution) error
	// SaveExecution writes what differs from the stored execution, its stages and their work. A new id inserts. Claims
	// stay what they are; a stage that is no longer in the execution goes with its log and references. What an execution
	// is found by stays what it was at first: its type, application, name, configuration and build time, and its trigger's
	// type, event and correlation.
	SaveExecution(*engine.Execution) error
	// DeleteExecution deletes an execution with all that belongs to it.
	DeleteExecution(id string) error
	// AddExecutionEvent stores an event of an execution and makes the execution pending. The event gets its id.
	AddExecutionEvent(executionID string, event engine.Event) error
	// ConsumeExecutionEvents deletes events of the execution by their ids.
	ConsumeExecutionEvents(executionID string, ids []int64) error
	// AppendStageLog adds lines to a stage's log.
	AppendStageLog(executionID, stageID string, lines []LogLine) error

	// ClaimStage takes a due, unclaimed stage for an incarnation: epoch rises by one. A stage that is claimed or no
	// longer due is ErrStale, and so is an incarnation that has no row, because it was never renewed or was buried.
	ClaimStage(ref StageRef, incarnation string, now time.Time) (Claim, error)
	// ReleaseClaim ends a claim: the stage may be claimed again when it is due. A stale claim is ErrStale.
	ReleaseClaim(Claim) error
	// Checkpoint replaces the state in a claimed stage's work.
	Checkpoint(claim Claim, state []byte) error

	// AddEvent stores an accepted event. An event of that key is ErrExists.
	AddEvent(Event) error
	// AddVerdict stores the first verdict on (event, pipeline, trigger). That there is such an event and no such verdict is
	// found out by the end of the transaction at the latest.
	AddVerdict(Verdict) error
	// PutVerdict stores a verdict on (event, pipeline, trigger), replacing an undecided one. A decided one is ErrExists,
	// an unknown event ErrNotFound.
	PutVerdict(Verdict) error
	// AddCandidate stores a candidate; PutCandidate replaces one (a later due time); DeleteCandidate removes one, absent
	// is no error.
	AddCandidate(Candidate) error
	PutCandidate(Candidate) error
	DeleteCandidate(id string) error
	// AddStart remembers that a start key was used and by which execution. A used key is ErrExists.
	AddStart(key, executionID string) error

	// PutJobStates replaces what is remembered of the things named; nil forgets one.
	PutJobStates(source string, states map[string][]byte) error

	// Renew inserts or renews an incarnation's row: RenewedAt becomes Now, the rest stays what it was at first.
	Renew(Incarnation) error
	// Bury removes incarnations last renewed before a time and releases their claims and leases; it returns their
	// ids. One that is in the middle of a claim is left to the next time.
	Bury(before time.Time) ([]string, error)
	// Leave removes one incarnation and releases its claims and leases; absent is no error.
	Leave(incarnation string) error
	// TakeLease takes or renews a lease for an incarnation; epoch rises by one when it changes hands. Held by another
	// one is ErrStale, and so is an incarnation that has no row. ReleaseLease by who does not hold it is ErrStale.
	TakeLease(name, incarnation string) (Lease, error)
	ReleaseLease(name, incarnation string) error

	// AddAudit adds a row. Without a remote it gets the one that Update's ctx has.
	AddAudit(AuditRow) error

	// DeleteAged deletes up to limit rows of a kind that were written before a time, the oldest first, and says how many.
	// A kind that is not one of the constants is an error.
	DeleteAged(kind Aged, before time.Time, limit int) (int, error)

	// MoveBlobRefs gives all references of one owner to another; ReleaseBlobs drops an owner's.
	MoveBlobRefs(from, to BlobRef) error
	ReleaseBlobs(BlobRef) error
}
