package jenkinstest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Options of a server. The zero value is a secured master on a free loopback
// port with a fake clock.
type Options struct {
	Addr        string // listen address; "" is a free port of 127.0.0.1
	Clock       Clock  // nil is a new FakeClock
	ContextPath string // "" or such as "/jenkins"
	RootURL     string // configured root URL; "" builds url fields from the request
	Version     string // "" is 2.372

	NoSecurity    bool // everybody may do everything
	AnonymousRead bool
	NoCrumbs      bool

	TLS *tls.Config // nil is plain HTTP

	BuildsCap   int           // length of "builds"; 0 is 100
	LeftItemTTL time.Duration // how long the queue remembers; 0 is 5 min
	QuietPeriod time.Duration // before a queued build may start
	Executors   int           // builds at one time from the queue; 0 is 2, negative none
}

// Server is a running master. Its methods may be used while it serves.
type Server struct {
	URL    string  // address with context path, without a slash at the end
	Clock  Clock   // as given
	Faults *Faults // what goes wrong; nothing at first
	Log    *Log    // requests served
	Admin  User    // a user who may do everything

	opts     Options
	listener net.Listener
	http     *http.Server
	shapes   *shapes
	zippers  sync.Pool     // of *gzip.Writer
	closing  chan struct{} // ends faults that wait
	closed   sync.Once
	served   chan error

	mu       sync.Mutex
	root     *item
	users    map[string]*User
	denied   map[string]map[string]bool // user, full name: no Job/Read
	queue    []*queueItem
	nextItem int64
	nextPage int
	session  int // counts restarts
	quieting bool
	notReady time.Time // restarting page until then
	holdExec bool      // left items show no executable yet
	queueLag time.Duration
	skew     time.Duration
}

// NewServer starts a server. Like httptest.NewServer it panics when it cannot
// listen; Listen returns the error.
func NewServer(o Options) *Server {
	s, err := Listen(o)
	if err != nil {
		panic(fmt.Sprintf("jenkinstest: %v", err))
	}
	return s
}

// Listen starts a server at Options.Addr.
func Listen(o Options) (*Server, error) {
	o = o.withDefaults()
	listener, err := net.Listen("tcp", o.Addr)
	if err != nil {
		return nil, err
	}
	s := &Server{
		Clock: o.Clock, Faults: newFaults(), Log: &Log{}, opts: o, listener: listener, shapes: newShapes(),
		closing: make(chan struct{}), served: make(chan error, 1),
		users: map[string]*User{}, denied: map[string]map[string]bool{}, nextItem: 1,
	}
	s.root = &item{kind: folderKind, server: s}
	s.Admin = s.AddUser("admin", "admin", Administer)
	scheme := "http"
	if o.TLS != nil {
		scheme = "https"
		listener = tls.NewListener(listener, o.TLS)
	}
	s.URL = scheme + "://" + s.listener.Addr().String() + o.ContextPath
	s.http = &http.Server{Handler: s, ReadHeaderTimeout: time.Minute, ErrorLog: quietLog()}
	go func() { s.served <- s.http.Serve(listener) }()
	return s, nil
}

func (o Options) withDefaults() Options {
	if o.Addr == "" {
		o.Addr = "127.0.0.1:0"
	}
	if o.Clock == nil {
		o.Clock = NewFakeClock()
	}
	if o.Version == "" {
		o.Version = "2.372"
	}
	if o.BuildsCap == 0 {
		o.BuildsCap = 100
	}
	if o.LeftItemTTL == 0 {
		o.LeftItemTTL = 5 * time.Minute
	}
	if o.Executors == 0 {
		o.Executors = 2
	}
	return o
}

// Close ends all faults that wait, closes the listener and all connections, and
// waits for the server to end. A second call does nothing.
func (s *Server) Close() error { return s.end(s.http.Close) }

// Shutdown is Close that lets running requests end.
func (s *Server) Shutdown(ctx context.Context) error {
	return s.end(func() error { return s.http.Shutdown(ctx) })
}

func (s *Server) end(stop func() error) (err error) {
	s.closed.Do(func() {
		close(s.closing)
		err = stop()
		if serveErr := <-s.served; !errors.Is(serveErr, http.ErrServerClosed) {
			err = errors.Join(err, serveErr)
		}
	})
	return err
}

// Advance moves the fake clock. It panics with another clock.
func (s *Server) Advance(d time.Duration) {
	s.Clock.(*FakeClock).Advance(d)
}

// locked runs f alone, on a model that is up to date with the clock.
func (s *Server) locked(f func(now time.Time)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	s.settle(now)
	f(now)
}

// now is the master's time in milliseconds, as all its time stamps.
func (s *Server) now() time.Time { return s.Clock.Now().Add(s.skew).Truncate(time.Millisecond) }

// SetSkew shifts the master's clock.
func (s *Server) SetSkew(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.skew = d
}

// Restart restarts the master: it answers 503 for d, then has a new session;
// crumbs are void, running freestyle builds are aborted, pipelines go on, the
// queue forgets what left it.
func (s *Server) Restart(d time.Duration) {
	s.locked(func(now time.Time) { s.restart(now, d) })
}

func (s *Server) restart(now time.Time, d time.Duration) {
	s.session++
	s.notReady = now.Add(d)
	s.quieting = false
	s.root.walk(func(job *item) {
		for _, b := range job.builds {
			if job.kind == Freestyle && b.building() {
				b.finish(now, "ABORTED")
			}
		}
	})
	kept := s.queue[:0]
	for _, q := range s.queue {
		if q.state != left {
			kept = append(kept, q)
		}
	}
	s.queue = kept
}

// RotateSession voids all crumbs and changes X-Jenkins-Session.
func (s *Server) RotateSession() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.session++
}

// HoldExecutables lets items leave the queue without showing their build, as
// Jenkins does for a moment, until it is called with false.
func (s *Server) HoldExecutables(hold bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.holdExec = hold
}

// SetQueueLag hides items younger than d from the list of the queue.
func (s *Server) SetQueueLag(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queueLag = d
}

// SetQuietingDown starts or ends quiet-down: builds queue up but do not start.
func (s *Server) SetQuietingDown(on bool) {
	s.locked(func(time.Time) { s.quieting = on })
}

// since reports whether the served version is at least 2.minor.
func (s *Server) since(minor int) bool {
	_, rest, _ := strings.Cut(s.opts.Version, ".")
	text, _, _ := strings.Cut(rest, ".")
	n, err := strconv.Atoi(text)
	return err == nil && n >= minor
}

// SetQuietPeriod changes how long a queued build waits before it may start.
func (s *Server) SetQuietPeriod(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opts.QuietPeriod = d
}
