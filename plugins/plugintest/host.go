package plugintest

import (
	"crypto/sha256"
	"encoding/hex"
	"sync"
	"time"

	"github.com/gennaker/gennaker/plugins/sdk"
	"github.com/gennaker/gennaker/plugins/wire"
)

// Host is an agent that a test scripts: its exported fields are what it answers, its methods say what it was given. Set
// the fields before a step or between steps. The zero value knows nothing.
type Host struct {
	// Artifacts are bodies by the artifact's reference, or by its name when it has no reference. As with a real agent, the
	// artifact's account must be one that the stage's config or an artifact it sees mentions.
	Artifacts map[string][]byte
	// Accounts are the agent's, by name. As with a real agent, a stage gets only those that its Info.AccountFields name.
	Accounts map[string]sdk.Account
	// Images are registry answers by reference; others are unknown.
	Images map[string]sdk.Image
	// Evaluate evaluates expressions; nil leaves the document as it is.
	Evaluate func(doc any) (sdk.Evaluation, error)
	// Jenkins holds the masters; nil knows none. As with a real agent, the master must be one that the stage's config or the
	// plugin's configuration mentions.
	Jenkins *Jenkins
	// OnCheckpoint is called before a checkpoint is recorded; its error is what the stage gets.
	OnCheckpoint func(state []byte) error

	mu          sync.Mutex
	calls       map[string]*wire.Names
	checkpoints [][]byte
	logs        []LogLine
	blobs       map[string][]byte
}

// LogLine is a line of the stage's log.
type LogLine struct {
	Time time.Time
	// Level is debug, info, warn or error.
	Level string
	Text  string
}

// Checkpoints are the states that were made durable, oldest first.
func (h *Host) Checkpoints() [][]byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([][]byte(nil), h.checkpoints...)
}

// LastCheckpoint is what a step that follows a lost step gets as its state; nil when there is none.
func (h *Host) LastCheckpoint() []byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.checkpoints) == 0 {
		return nil
	}
	return h.checkpoints[len(h.checkpoints)-1]
}

// Logs are the log lines of all steps.
func (h *Host) Logs() []LogLine {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]LogLine(nil), h.logs...)
}

// AddBlob stores a body as the agent's store would.
func (h *Host) AddBlob(mediaType string, body []byte) sdk.Blob {
	sum := sha256.Sum256(body)
	blob := sdk.Blob{SHA256: hex.EncodeToString(sum[:]), Size: int64(len(body)), MediaType: mediaType}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.blobs == nil {
		h.blobs = map[string][]byte{}
	}
	h.blobs[blob.SHA256] = body
	return blob
}

// Blob returns a stored body, whether the test or the stage stored it; nil when there is none.
func (h *Host) Blob(sha256 string) []byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.blobs[sha256]
}

// open begins a call; closeCall ends it.
func (h *Host) open(call string, names *wire.Names) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.calls == nil {
		h.calls = map[string]*wire.Names{}
	}
	h.calls[call] = names
}

func (h *Host) closeCall(call string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.calls, call)
}

// call returns what an open call's step names.
func (h *Host) call(call string) (*wire.Names, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	names, ok := h.calls[call]
	return names, ok
}
