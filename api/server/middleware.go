package server

import (
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/oklog/ulid/v2"
	"github.com/prometheus/client_golang/prometheus"
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
		metrics.seconds.WithLabelValues(c.Request.Method, route, strconv.Itoa(c.Writer.Status())).Observe(took.Seconds())
		log.DebugContext(c, "request", "method", c.Request.Method, "path", c.Request.URL.Path, "status", c.Writer.Status(),
			"took", took, "user", User(c), "request", c.GetString(requestIDHeader))
	}
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
