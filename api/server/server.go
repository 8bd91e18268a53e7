package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// Options configure a Server.
type Options struct {
	// Listen is the address; port 0 takes a free one.
	Listen string
	// BasePath is stripped from every path, for example "/gate".
	BasePath string
	// CertFile and KeyFile turn TLS on.
	CertFile, KeyFile string
	// MaxBody is the largest request body in bytes.
	MaxBody int64
	// AllowedOrigins are the browser origins that may call the API.
	AllowedOrigins []string
	// Authenticate names the caller and what they may do by the API token of a request, "" without one; nil lets
	// everybody do everything as "anonymous".
	Authenticate func(token string) (Identity, bool)
	// Ready says whether the agent can accept work: /health asks it.
	Ready func(ctx context.Context) error
	// Unavailable says whether an error means that nothing can be kept or read just now; the caller gets a 503 then. nil is
	// never.
	Unavailable func(error) bool
	// From says that a request comes from an address. What it returns is the request's context; nil leaves that alone.
	From func(ctx context.Context, address string) context.Context
	// BehindProxy says that every request comes through one proxy, which names the caller last in X-Forwarded-For.
	BehindProxy bool
	// Absent says which part of Spinnaker an unknown address belongs to that this server does not have, or "". It may be
	// nil.
	Absent func(path string) string
	// Metrics is served at /metrics.
	Metrics *prometheus.Registry
	Log     *slog.Logger
	// Routes add the API's routes.
	Routes []Routes
}

// Routes is a part of the API.
type Routes interface {
	Register(gin.IRouter)
}

// Time limits of a connection. Answers may take long (a log, a big list), so only reading is bounded tightly.
const (
	headerTimeout = 10 * time.Second
	readTimeout   = 60 * time.Second
	writeTimeout  = 5 * time.Minute
	idleTimeout   = 2 * time.Minute
	stopTimeout   = 10 * time.Second
)

// Server is the API's listener.
type Server struct {
	http     *http.Server
	listener net.Listener
	tls      bool
}

// New opens the listener. Requests wait until Run.
func New(o Options) (*Server, error) {
	routes, err := handler(o)
	if err != nil {
		return nil, err
	}
	s := &Server{tls: o.CertFile != ""}
	s.http = &http.Server{
		Handler:           routes,
		ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		ErrorLog: slog.NewLogLogger(o.Log.Handler(), slog.LevelWarn),
	}
	if s.tls {
		certificate, err := tls.LoadX509KeyPair(o.CertFile, o.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("server.tls: %w", err)
		}
		s.http.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	}
	listener, err := net.Listen("tcp", o.Listen)
	if err != nil {
		return nil, fmt.Errorf("server.listen: %w. Is another gennaker running there? Choose another address with server.listen", err)
	}
	s.listener = listener
	return s, nil
}

// URL is the address the server is reached at from this machine.
func (s *Server) URL() string {
	scheme := "http"
	if s.tls {
		scheme = "https"
	}
	return scheme + "://" + s.listener.Addr().String()
}

// Run serves until ctx ends, then lets running requests finish for a while.
func (s *Server) Run(ctx context.Context) error {
	failed := make(chan error, 1)
	go func() {
		if s.tls {
			failed <- s.http.ServeTLS(s.listener, "", "")
			return
		}
		failed <- s.http.Serve(s.listener)
	}()
	select {
	case err := <-failed:
		return fmt.Errorf("serve the API: %w", err)
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	err := s.http.Shutdown(stop)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.http.Close()
	}
	<-failed
	return err
}

// Close gives up the listener of a server that was never run.
func (s *Server) Close() error { return s.listener.Close() }

// handler is all that the server answers.
func handler(o Options) (http.Handler, error) {
	sameSite, err := crossSite(o.AllowedOrigins)
	if err != nil {
		return nil, err
	}
	gin.SetMode(gin.ReleaseMode)
	router := gin.New()
	router.UseRawPath, router.UnescapePathValues = true, true
	router.RedirectTrailingSlash, router.RedirectFixedPath = false, false
	router.HandleMethodNotAllowed = true
	router.ContextWithFallback = true
	metrics := newRequestMetrics(o.Metrics)
	router.Use(requestID, logged(o.Log, metrics), compressed(), rendered(o.Log, o.Unavailable), addressed(o.From, o.BehindProxy), recovered(o.Log), cors(o.AllowedOrigins),
		sameSite, limited(o.MaxBody), authenticated(o.Authenticate))
	router.NoRoute(noRoute(o.Absent))
	router.NoMethod(func(c *gin.Context) {
		c.Error(&spinnaker.Error{Status: http.StatusMethodNotAllowed,
			Message: fmt.Sprintf("%s is not allowed on %s; allowed: %s", c.Request.Method, c.Request.URL.Path, c.Writer.Header().Get("Allow"))})
	})
	router.GET("/health", health(o.Ready, o.Log))
	router.GET("/metrics", gin.WrapH(promhttp.HandlerFor(o.Metrics, promhttp.HandlerOpts{})))
	for _, routes := range o.Routes {
		routes.Register(router)
	}
	return trimmed(o.BasePath, router), nil
}

// noRoute answers requests to addresses that are not there.
func noRoute(absent func(path string) string) gin.HandlerFunc {
	return func(c *gin.Context) {
		method, path := c.Request.Method, c.Request.URL.Path
		if absent != nil {
			if part := absent(path); part != "" {
				c.Error(spinnaker.NotFound("no such address: %s %s. This server does not have %s", method, path, part))
				return
			}
		}
		c.Error(spinnaker.NotFound("no such address: %s %s", method, path))
	}
}

// trimmed strips the base path and trailing slashes, which clients add freely, before routing: a redirect would lose a
// POST's body. It has HEAD answered like GET; the server drops the body.
func trimmed(base string, next http.Handler) http.Handler {
	base = strings.TrimRight(base, "/")
	trim := func(path string) string {
		if rest, ok := strings.CutPrefix(path, base); ok && (rest == "" || rest[0] == '/') {
			path = rest
		}
		if path = strings.TrimRight(path, "/"); path == "" {
			return "/"
		}
		return path
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		request, address := *r, *r.URL
		address.Path = trim(address.Path)
		// The router reads escapes in a path as if in a query, where a plus sign is a space.
		address.RawPath = strings.ReplaceAll(address.RawPath, "+", "%2B")
		if address.RawPath != "" {
			address.RawPath = trim(address.RawPath)
		}
		request.URL = &address
		if request.Method == http.MethodHead {
			request.Method = http.MethodGet
		}
		next.ServeHTTP(w, &request)
	})
}

// health serves /health. It is open to everybody, so the reason of a failure goes to the log.
func health(ready func(context.Context) error, log *slog.Logger) gin.HandlerFunc {
	const timeout = 5 * time.Second
	return func(c *gin.Context) {
		ctx, cancel := context.WithTimeout(c, timeout)
		defer cancel()
		if err := ready(ctx); err != nil {
			log.ErrorContext(c, "the agent cannot accept work", "error", err)
			c.JSON(http.StatusServiceUnavailable, gin.H{"status": "DOWN"})
			return
		}
		c.JSON(http.StatusOK, gin.H{"status": "UP"})
	}
}
