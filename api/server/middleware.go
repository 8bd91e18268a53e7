package server

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/oklog/ulid/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/gennaker/gennaker/api/spinnaker"
)

const requestIDHeader = "X-SPINNAKER-REQUEST-ID"

// requestID takes over or makes the id of a request and answers with it.
func requestID(c *gin.Context) {
	id := c.GetHeader(requestIDHeader)
	if id == "" || len(id) > 100 {
		id = ulid.Make().String()
	}
	c.Set(requestIDHeader, id)
	c.Header(requestIDHeader, id)
}

// addressed tells where a request comes from.
func addressed(from func(context.Context, string) context.Context, behindProxy bool) gin.HandlerFunc {
	return func(c *gin.Context) {
		if from != nil {
			c.Request = c.Request.WithContext(from(c.Request.Context(), remote(c.Request, behindProxy)))
		}
	}
}

// remote is the caller's address. Callers may write into X-Forwarded-For what they like, but for the last entry, which is
// the proxy's own.
func remote(r *http.Request, behindProxy bool) string {
	if behindProxy {
		given := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
		if address, err := netip.ParseAddr(strings.TrimSpace(given[len(given)-1])); err == nil {
			return address.String()
		}
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

type requestMetrics struct{ seconds *prometheus.HistogramVec }

func newRequestMetrics(registry *prometheus.Registry) requestMetrics {
	m := requestMetrics{prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "gennaker_http_request_seconds", Help: "Duration of API requests.",
		Buckets: []float64{.001, .005, .025, .1, .5, 2.5, 10},
	}, []string{"method", "route", "status"})}
	registry.MustRegister(m.seconds)
	return m
}

// logged logs a request and counts it, by its route, never by its path: paths hold ids.
func logged(log *slog.Logger, metrics requestMetrics) gin.HandlerFunc {
	return func(c *gin.Context) {
		start := time.Now()
		c.Next()
		route := c.FullPath()
		if route == "" {
			route = "none"
		}
		took := time.Since(start)
		metrics.seconds.WithLabelValues(methodLabel(c.Request.Method), route, strconv.Itoa(c.Writer.Status())).Observe(took.Seconds())
		log.DebugContext(c, "request", "method", c.Request.Method, "path", c.Request.URL.Path, "status", c.Writer.Status(),
			"took", took, "user", User(c), "request", c.GetString(requestIDHeader))
	}
}

// methodLabel is the method of a request, or "other": callers choose methods, and labels must be few.
func methodLabel(method string) string {
	switch method {
	case http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	default:
		return "other"
	}
}

// crossSite refuses writes that a web page of another origin has a browser send: it could otherwise drive an agent that
// asks for no sign-in from the machine that it is for. Callers other than browsers are not concerned.
func crossSite(origins []string) (gin.HandlerFunc, error) {
	protection := http.NewCrossOriginProtection()
	for i, origin := range origins {
		if err := protection.AddTrustedOrigin(origin); err != nil {
			return nil, fmt.Errorf("server.allowedOrigins[%d]: %w", i, err)
		}
	}
	return func(c *gin.Context) {
		if protection.Check(c.Request) == nil {
			return
		}
		c.Error(&spinnaker.Error{Status: http.StatusForbidden, Message: fmt.Sprintf(
			"%s requests of web pages of origin %q are refused: add it to server.allowedOrigins if it is yours", c.Request.Method, c.GetHeader("Origin"))})
		c.Abort()
	}, nil
}

// cors lets the browsers of the allowed origins call the API and answers their preflights, which come without sign-in.
//
// Source: spinnaker/spinnaker gate/gate-web config/GateCorsConfig.java.
func cors(origins []string) gin.HandlerFunc {
	return func(c *gin.Context) {
		c.Writer.Header().Add("Vary", "Origin")
		if origin := c.GetHeader("Origin"); origin != "" && slices.Contains(origins, origin) {
			for key, value := range map[string]string{
				"Access-Control-Allow-Origin":      origin,
				"Access-Control-Allow-Credentials": "true",
				"Access-Control-Allow-Methods":     "POST, GET, OPTIONS, DELETE, PUT, PATCH",
				"Access-Control-Allow-Headers":     "x-requested-with, content-type, authorization, X-RateLimit-App, X-Spinnaker-Priority",
				"Access-Control-Expose-Headers":    "X-AUTH-REDIRECT-URL",
				"Access-Control-Max-Age":           "3600",
			} {
				c.Header(key, value)
			}
		}
		if c.Request.Method == http.MethodOptions {
			c.AbortWithStatus(http.StatusOK)
		}
	}
}

// limited bounds the request's body.
func limited(maxBody int64) gin.HandlerFunc {
	return func(c *gin.Context) {
		c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, maxBody)
	}
}
