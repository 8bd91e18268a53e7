package replicas

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// record is what a stage did.
type record struct {
	Kind, Execution, Stage, Key string
	// Process is the plugin's.
	Process int
}

// recorder is what the stages act upon: it notes everything in the order in which it happened.
type recorder struct {
	url string

	mu      sync.Mutex
	records []record
}

func newRecorder(t testing.TB) *recorder {
	r := &recorder{}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

// ServeHTTP notes a record. Ticks are told that it is enough when they come from a second process.
func (r *recorder) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	var one record
	if err := json.NewDecoder(http.MaxBytesReader(w, request.Body, 1<<16)).Decode(&one); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	answer := "go on"
	for _, earlier := range r.records {
		if earlier.Execution == one.Execution && earlier.Process != one.Process {
			answer = "enough"
		}
	}
	r.records = append(r.records, one)
	if _, err := w.Write([]byte(answer)); err != nil {
		return // the plugin is gone
	}
}

// of returns what an execution did, in order.
func (r *recorder) of(execution string) (out []record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, one := range r.records {
		if one.Execution == execution {
			out = append(out, one)
		}
	}
	return out
}
