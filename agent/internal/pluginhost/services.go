package pluginhost

import (
	"context"
	"io"
	"log/slog"
	"time"

	stagev1 "github.com/gennaker/gennaker/plugins/proto/stage/v1"
)

// HostServices is what the agent does for a running step. Each method gets the step it works for and a context that ends
// with the step; it must return soon after. The `call` field of a message is of no interest to it.
//
// An error reaches the plugin as its text. NotFound, Refused, Temporary and NothingDone say what it means; one without
// such a mark means that the outcome is unknown.
type HostServices interface {
	StepRecord
	Bodies
	Lookups
	Builds
}

// StepRecord keeps what a step says of itself.
type StepRecord interface {
	// Checkpoint stores the state (at most 64 KiB) before it returns.
	Checkpoint(ctx context.Context, call Call, state []byte) error
	// Log adds lines to the stage's log. They come in batches, already within the limits of one step.
	Log(ctx context.Context, call Call, lines []LogLine) error
}

// Bodies are artifacts and blobs. Their readers are read until their end or the limit, and closed.
type Bodies interface {
	// OpenArtifact opens the body of an artifact. Its account, if any, is one that the stage names.
	OpenArtifact(ctx context.Context, call Call, artifact *stagev1.Artifact) (io.ReadCloser, error)
	ReadBlob(ctx context.Context, call Call, blob *stagev1.Blob) (io.ReadCloser, error)
	// WriteBlob stores what body gives, and an error of body instead. The blob belongs to the stage's attempt until the
	// step's result is stored.
	WriteBlob(ctx context.Context, call Call, mediaType string, body io.Reader) (*stagev1.Blob, error)
}

// Lookups answer questions.
type Lookups interface {
	// Evaluate evaluates the expressions in a JSON document as the stage would.
	Evaluate(ctx context.Context, call Call, in *stagev1.EvaluateRequest) (*stagev1.EvaluateResponse, error)
	// Account returns an account that is one of call.Accounts.
	Account(ctx context.Context, call Call, name string) (*stagev1.GetAccountResponse, error)
	ResolveImage(ctx context.Context, call Call, reference string) (*stagev1.ResolveImageResponse, error)
}

// Builds are those of the Jenkins masters. The master is one that the stage, or the plugin's configuration, names.
type Builds interface {
	// StartBuild asks for a build. Without the mark NothingDone, Refused or NotFound, an error means that the build may
	// have been asked for.
	StartBuild(ctx context.Context, call Call, in *stagev1.StartBuildRequest) (*stagev1.StartBuildResponse, error)
	FindBuild(ctx context.Context, call Call, in *stagev1.FindBuildRequest) (*stagev1.FindBuildResponse, error)
	GetBuild(ctx context.Context, call Call, in *stagev1.GetBuildRequest) (*stagev1.GetBuildResponse, error)
	StopBuild(ctx context.Context, call Call, in *stagev1.StopBuildRequest) error
	BuildProperties(ctx context.Context, call Call, in *stagev1.GetBuildPropertiesRequest) (
		*stagev1.GetBuildPropertiesResponse, error)
}

// Call is the step for which a plugin asks something.
type Call struct {
	// Plugin is the plugin's name in the configuration.
	Plugin                                string
	Application, Pipeline                 string
	Execution, Stage, StageType, StageRef string
	Attempt, Step                         int
	// User is whom the stage runs as.
	User string
	// Accounts are the accounts that the stage names in its type's account fields.
	Accounts []string
}

// LogLine is a line of a stage's log.
type LogLine struct {
	Time  time.Time
	Level slog.Level
	Text  string
}
