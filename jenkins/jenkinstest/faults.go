package jenkinstest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
)

// Fault is something that goes wrong with requests. The first part says which,
// the second what; effects may be combined. Only Delay, SlowHeaders and
// SlowBody take real time; they end with the request and with Close.
type Fault struct {
	Method      string  // "" is any
	Path        string  // part of the escaped path, or a pattern of path.Match; "" is any
	Skip        int     // this many matching requests are left alone first
	Times       int     // then this many go wrong; 0 is all
	Probability float64 // chance of each, with a fixed seed; 0 is certain
	Until       time.Time

	Delay       time.Duration // before anything is answered
	Hang        bool          // never answer
	Drop        bool          // close the connection without an answer
	SlowHeaders time.Duration // per byte of the header
	SlowBody    int           // bytes per second
	Truncate    int           // end the connection after this many bytes of body
	Announced   bool          // with Truncate: the whole length was announced

	Status     int // with Body and Header, instead of the answer
	Body       string
	Header     http.Header
	LoginPage  bool   // 200 with the page of a single sign-on proxy
	Redirect   string // 302 to there; LoginRedirect is Jenkins' own
	Starting   bool   // the page of a starting master
	Restarting bool   // the page of a restarting master
	Empty      bool   // 200 without a body
	BadJSON    bool   // JSON that stops in the middle
	WrongTypes bool   // texts for numbers, null for lists
	Huge       int    // so many MiB of valid job entries
	Skew       time.Duration
}

// LoginRedirect is the target to which Jenkins redirects for single sign-on.
const LoginRedirect = "/securityRealm/commenceLogin?from=%2F"

// Gateway is the page of a proxy that cannot reach the master.
func Gateway(status int) Fault {
	title := fmt.Sprintf("%d %s", status, http.StatusText(status))
	return Fault{Status: status, Header: header("Content-Type", "text/html", "Server", "nginx"),
		Body: "<html>\r\n<head><title>" + title + "</title></head>\r\n<body>\r\n<center><h1>" + title + "</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"}
}

// Faults are the faults of a server.
type Faults struct {
	mu     sync.Mutex
	active []*activeFault
	random *rand.Rand
}

type activeFault struct {
	Fault
	seen int
}

func newFaults() *Faults { return &Faults{random: rand.New(rand.NewPCG(1, 2))} }

// Add makes a fault active; of several that match, the first added counts. It
// returns a function that ends it.
func (f *Faults) Add(fault Fault) (end func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	active := &activeFault{Fault: fault}
	f.active = append(f.active, active)
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.active = slices.DeleteFunc(f.active, func(a *activeFault) bool { return a == active })
	}
}

// Clear ends all faults.
func (f *Faults) Clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.active = nil
}

// next gives the fault that hits a request; nil for none.
func (f *Faults) next(r *http.Request, now time.Time) *Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range f.active {
		if !a.matches(r, now) {
			continue
		}
		a.seen++
		if a.seen <= a.Skip || a.Times > 0 && a.seen > a.Skip+a.Times {
			continue
		}
		if a.Probability > 0 && f.random.Float64() >= a.Probability {
			continue
		}
		return &a.Fault
	}
	return nil
}

func (a *activeFault) matches(r *http.Request, now time.Time) bool {
	if a.Method != "" && a.Method != r.Method || !a.Until.IsZero() && !now.Before(a.Until) {
		return false
	}
	if strings.Contains(r.URL.EscapedPath(), a.Path) {
		return true
	}
	ok, err := path.Match(a.Path, r.URL.EscapedPath())
	return err == nil && ok
}

// before applies what happens before an answer; it reports whether one follows.
func (s *Server) before(r *http.Request, f *Fault) bool {
	if f.Hang {
		select {
		case <-r.Context().Done():
		case <-s.closing:
		}
		return false
	}
	return !f.Drop && (f.Delay == 0 || s.wait(r, f.Delay))
}

// wait reports whether the time passed, rather than the request or the server
// ending.
func (s *Server) wait(r *http.Request, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	case <-s.closing:
		return false
	}
}

// distort replaces or spoils an answer.
func (s *Server) distort(r *http.Request, f *Fault, a answer) answer {
	jsonHeader := func() http.Header { return a.header.Clone() }
	switch {
	case f.Status != 0:
		a = answer{status: f.Status, header: f.Header.Clone(), body: []byte(f.Body)}
	case f.LoginPage:
		a = answer{status: http.StatusOK, header: header("Content-Type", "text/html; charset=utf-8", "Set-Cookie", "sso=1"),
			body: []byte("<!DOCTYPE html><html><head><title>Sign in to your account</title></head><body><form></form></body></html>")}
	case f.Redirect != "":
		a = answer{status: http.StatusFound, header: header("Location", f.Redirect)}
	case f.Starting, f.Restarting:
		a = startingPage(f.Restarting)
	case f.Empty:
		a = answer{status: http.StatusOK, header: jsonHeader()}
	case f.BadJSON:
		a = answer{status: http.StatusOK, header: jsonHeader(), body: []byte(`{"_class":"hudson.model.Hudson","jobs":[{"name":`)}
	case f.WrongTypes:
		a = answer{status: http.StatusOK, header: jsonHeader(), body: []byte(`{"_class":"hudson.model.Hudson","fullName":7,"number":"x","builds":null,"jobs":[{"fullName":"a","nextBuildNumber":"2","lastBuild":{"number":"1"}}]}`)}
	case f.Huge > 0:
		a = answer{status: http.StatusOK, header: jsonHeader(), body: hugeList(f.Huge), zip: true}
	}
	if a.header == nil {
		a.header = http.Header{}
	}
	if f.Skew != 0 {
		a.header.Set("Date", s.Clock.Now().Add(f.Skew).UTC().Format(http.TimeFormat))
	}
	if f.SlowBody > 0 {
		a.pace = f.SlowBody
	}
	if f.Truncate > 0 {
		a.cut, a.chunked, a.zip = f.Truncate, !f.Announced, false
	}
	if f.SlowHeaders > 0 && !s.wait(r, f.SlowHeaders*time.Duration(headerSize(a.header))) {
		panic(http.ErrAbortHandler)
	}
	return a
}

func headerSize(h http.Header) int {
	n := 0
	for name, values := range h {
		for _, value := range values {
			n += len(name) + len(value) + 4
		}
	}
	return n
}

func hugeList(mebibytes int) []byte {
	entry := []byte(`{"_class":"hudson.model.FreeStyleProject","fullName":"x","lastBuild":null,"lastCompletedBuild":null,"nextBuildNumber":1},`)
	body := append([]byte(`{"_class":"hudson.model.Hudson","jobs":[`), bytes.Repeat(entry, mebibytes<<20/len(entry)+1)...)
	return append(bytes.TrimSuffix(body, []byte(",")), `]}`...)
}
