package spinnaker

// Status of an execution, stage or task.
//
// Source: spinnaker/spinnaker orca/orca-api ExecutionStatus.java.
type Status string

// The statuses.
const (
	NotStarted     Status = "NOT_STARTED"
	Running        Status = "RUNNING"
	Paused         Status = "PAUSED"
	Suspended      Status = "SUSPENDED"
	Succeeded      Status = "SUCCEEDED"
	FailedContinue Status = "FAILED_CONTINUE"
	Terminal       Status = "TERMINAL"
	Canceled       Status = "CANCELED"
	Redirect       Status = "REDIRECT"
	Stopped        Status = "STOPPED"
	Skipped        Status = "SKIPPED"
	Buffered       Status = "BUFFERED"
)

// Complete says whether nothing more happens to a thing of this status.
func (s Status) Complete() bool {
	switch s {
	case Succeeded, FailedContinue, Terminal, Canceled, Stopped, Skipped:
		return true
	default:
		return false
	}
}

// Halt says whether what depends on a thing of this status never runs.
func (s Status) Halt() bool { return s == Terminal || s == Canceled || s == Stopped }

// Failed says whether the status counts as a failure.
func (s Status) Failed() bool { return s == Terminal || s == Stopped || s == FailedContinue }

// Statuses are all statuses.
func Statuses() []Status {
	return []Status{NotStarted, Running, Paused, Suspended, Succeeded, FailedContinue, Terminal, Canceled, Redirect,
		Stopped, Skipped, Buffered}
}
