package registry

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
)

// What a Fault is applied to.
const (
	targetRegistry = "registry" // OCI requests at both addresses
	targetECR      = "ecr"      // calls of the ECR API
)

// Fault is one thing that goes wrong on purpose.
type Fault struct {
	// Target is "registry" or "ecr".
	Target string `json:"target"`
	// Operation limits the fault to one ECR operation (DescribeImages) or one
	// HTTP method (PUT). Empty means every request.
	Operation string `json:"operation,omitempty"`
	// Kind is one of Kinds.
	Kind string `json:"kind"`
	// Times is how many requests are hit; 0 means all until the fault is removed.
	Times int `json:"times,omitempty"`
	// Delay is how long a request is held before it is answered, as
	// time.ParseDuration reads it. With kind "delay" it is then answered as usual.
	Delay string `json:"delay,omitempty"`
	// Hits counts the requests that were hit so far.
	Hits int `json:"hits"`
}

// Fault kinds.
const (
	kindThrottling   = "throttling"    // ECR ThrottlingException, registry 429
	kindAccessDenied = "access-denied" // ECR AccessDeniedException, registry 403
	kindExpired      = "expired-token" // ECR ExpiredTokenException, registry 401
	kindServerError  = "server-error"  // 500
	kindUnavailable  = "unavailable"   // 503
	kindDrop         = "drop"          // the connection is cut without an answer
	kindEmptyPage    = "empty-page"    // ECR lists: no entries, and a token for more
	kindDelay        = "delay"         // late, else as usual
)

// Kinds lists the fault kinds in the order in which help texts show them.
func Kinds() []string {
	return []string{kindThrottling, kindAccessDenied, kindExpired, kindServerError,
		kindUnavailable, kindDrop, kindEmptyPage, kindDelay}
}

func (f *Fault) validate() error {
	if f.Target != targetRegistry && f.Target != targetECR {
		return fmt.Errorf("fault target %q: want %q or %q", f.Target, targetRegistry, targetECR)
	}
	if !slices.Contains(Kinds(), f.Kind) {
		return fmt.Errorf("fault kind %q: want one of %q", f.Kind, Kinds())
	}
	if f.Times < 0 {
		return fmt.Errorf("fault times %d: want 0 (always) or more", f.Times)
	}
	if f.Delay == "" && f.Kind != kindDelay {
		return nil
	}
	if _, err := time.ParseDuration(f.Delay); err != nil {
		return fmt.Errorf("fault delay: %w", err)
	}
	return nil
}

// faults is the list of what goes wrong at present.
type faults struct {
	mu   sync.Mutex
	list []*Fault
}

func (fs *faults) add(f Fault) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.list = append(fs.list, &f)
}

func (fs *faults) clear() {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.list = nil
}

func (fs *faults) all() []Fault {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	all := make([]Fault, len(fs.list))
	for i, f := range fs.list {
		all[i] = *f
	}
	return all
}

// take returns a copy of the first fault that hits this request, counting it.
func (fs *faults) take(target, operation string) *Fault {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for _, f := range fs.list {
		spent := f.Times > 0 && f.Hits >= f.Times
		if spent || f.Target != target || f.Operation != "" && f.Operation != operation {
			continue
		}
		f.Hits++
		hit := *f
		return &hit
	}
	return nil
}

// hold waits out the fault's delay, or until the client is gone. It reports
// whether the request should go on as usual.
func (f *Fault) hold(r *http.Request) (goOn bool) {
	if d, err := time.ParseDuration(f.Delay); err == nil && d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
			panic(http.ErrAbortHandler)
		}
	}
	if f.Kind == kindDrop {
		panic(http.ErrAbortHandler) // the way net/http cuts a connection
	}
	return f.Kind == kindDelay || f.Kind == kindEmptyPage
}

func (f *Fault) answerRegistry(w http.ResponseWriter) {
	switch f.Kind {
	case kindThrottling:
		w.Header().Set("Retry-After", "1")
		ociError(w, http.StatusTooManyRequests, "TOOMANYREQUESTS", "Rate exceeded")
	case kindAccessDenied:
		ociError(w, http.StatusForbidden, "DENIED", "not authorized")
	case kindExpired:
		w.Header().Set("WWW-Authenticate", `Basic realm="ecr"`)
		ociError(w, http.StatusUnauthorized, "DENIED", "Your authorization token has expired. Reauthenticate and try again.")
	case kindUnavailable:
		ociError(w, http.StatusServiceUnavailable, "UNAVAILABLE", "registry is down")
	default:
		ociError(w, http.StatusInternalServerError, "UNKNOWN", "unknown error")
	}
}

func (f *Fault) ecrError(operation string) *apiError {
	switch f.Kind {
	case kindThrottling:
		return &apiError{Type: "ThrottlingException", Message: "Rate exceeded"}
	case kindAccessDenied:
		return &apiError{Type: "AccessDeniedException", Message: fmt.Sprintf(
			"User: arn:aws:iam::%s:user/test is not authorized to perform: ecr:%s", accountID, operation)}
	case kindExpired:
		return &apiError{Type: "ExpiredTokenException", Message: "The security token included in the request is expired"}
	case kindUnavailable:
		return &apiError{status: http.StatusServiceUnavailable, Type: "ServiceUnavailableException", Message: "service is down"}
	default:
		return &apiError{status: http.StatusInternalServerError, Type: "ServerException", Message: "These errors are usually caused by a server-side issue."}
	}
}

// decodeFault reads a Fault from the admin endpoint.
func decodeFault(r *http.Request) (Fault, error) {
	var f Fault
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&f); err != nil {
		return f, fmt.Errorf("fault: %w", err)
	}
	f.Hits = 0
	return f, f.validate()
}
