package registry_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gennaker/gennaker/agent/internal/config"
	"github.com/gennaker/gennaker/agent/internal/feed/registry"
	"github.com/gennaker/gennaker/agent/internal/fetch/image"
	"github.com/gennaker/gennaker/api/spinnaker"
)

const (
	benchRepositories = 100
	benchTags         = 1000
)

// BenchmarkQuietCycle is what a cycle costs in which nothing is new: requests and bytes as the server counts them, and this
// process's own time.
func BenchmarkQuietCycle(b *testing.B) {
	s := startService(b)
	s.fill(b)
	var triggers []spinnaker.Trigger
	for i := range benchRepositories {
		triggers = append(triggers, on(benchRepository(i)))
	}
	b.Run("registry", func(b *testing.B) {
		benchCycles(b, triggers, "http://"+s.Registry, func(address string) registry.Options {
			account := config.Registry{Name: "hub", Address: address}
			resolver, err := image.New(b.Context(), []config.Registry{account}, nil)
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(resolver.Close)
			return registry.Options{Client: resolver.Registry("hub")}
		})
	})
	b.Run("ECR", func(b *testing.B) {
		benchCycles(b, triggers, s.ECR, func(address string) registry.Options {
			b.Setenv("AWS_ENDPOINT_URL_ECR", address)
			watched := config.Watched{TrackDigests: true}
			return registry.Options{Watched: watched, Client: connect(b, config.ECR{Watched: watched})}
		})
	})
}

func benchRepository(i int) string { return fmt.Sprintf("bench/service-%03d", i) }

// fill pushes a manifest of its own under each tag of each repository.
func (s *service) fill(b *testing.B) {
	b.Helper()
	var group errgroup.Group
	group.SetLimit(8)
	for i := range benchRepositories {
		group.Go(func() error {
			for n := range benchTags {
				if err := s.put(b, benchRepository(i), fmt.Sprintf("1.0.%d", n)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		b.Fatal(err)
	}
}

func (s *service) put(b *testing.B, repository, tag string) error {
	const mediaType = "application/vnd.oci.image.manifest.v1+json"
	manifest := fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":"application/vnd.oci.image.config.v1+json","size":2,`+
		`"digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"},"layers":[],"annotations":{"tag":%q}}`, mediaType, tag)
	address := fmt.Sprintf("http://%s/v2/%s/manifests/%s", s.Registry, repository, tag)
	request, err := http.NewRequestWithContext(b.Context(), http.MethodPut, address, strings.NewReader(manifest))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", mediaType)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusCreated {
		return fmt.Errorf("PUT %s: %s", address, answer.Status)
	}
	return nil
}

// benchCycles measures cycles of a source that has looked once: one cycle through a meter, the others past it.
func benchCycles(b *testing.B, triggers []spinnaker.Trigger, address string, options func(address string) registry.Options) {
	l := newLooker(b, triggers)
	m := newMeter(b, address)
	l.over(options(m.url))
	l.cycle()
	l.cycle() // signs in, if need be, and takes over what the first lists did not say
	m.requests.Store(0)
	m.bytes.Store(0)
	l.cycle()
	l.over(options(address))
	l.cycle()
	began := ownTime(b)
	for b.Loop() {
		l.cycle()
	}
	b.ReportMetric(float64(m.requests.Load()), "requests")
	b.ReportMetric(float64(m.bytes.Load())/1024, "KiB")
	b.ReportMetric(float64((ownTime(b)-began).Milliseconds())/float64(b.N), "cpu-ms")
	b.ReportMetric(benchRepositories*((benchTags+999)/1000), "least-requests")
}

// cycle looks at all repositories; nothing may be new.
func (l *looker) cycle() {
	l.Helper()
	for _, repository := range l.items() {
		l.quiet(repository)
	}
}

// ownTime is the processor time of this process.
func ownTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// meter counts requests, and the bytes of the answers' bodies, on their way to a server.
type meter struct {
	url             string
	requests, bytes atomic.Int64
}

func newMeter(b *testing.B, address string) *meter {
	b.Helper()
	target, err := url.Parse(address)
	if err != nil {
		b.Fatal(err)
	}
	m := &meter{}
	transport := &http.Transport{}
	b.Cleanup(transport.CloseIdleConnections)
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.Transport = transport
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.requests.Add(1)
		proxy.ServeHTTP(counted{w, &m.bytes}, r)
	}))
	b.Cleanup(front.Close)
	m.url = front.URL
	return m
}

// counted counts what is written.
type counted struct {
	http.ResponseWriter
	bytes *atomic.Int64
}

func (c counted) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p)
	c.bytes.Add(int64(n))
	return n, err
}
