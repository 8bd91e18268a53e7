package image

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/gennaker/gennaker/agent/internal/config"
)

const (
	dialTimeout = 5 * time.Second
	idleTimeout = time.Minute
	// pullerAge is how long tokens of repositories are kept; a puller never forgets one by itself.
	pullerAge = 30 * time.Minute
)

// Registry is an image registry that is asked by the distribution protocol.
type Registry struct {
	account   config.Registry
	host      string
	insecure  bool
	transport *http.Transport

	mu     sync.Mutex
	puller *remote.Puller
	born   time.Time
	// What listing needs: how to sign in, asked when, and a client with a token for each repository.
	registry  name.Registry
	challenge *transport.Challenge
	asked     time.Time
	clients   map[string]*http.Client
}

// backoff is how failed requests are repeated.
var backoff = remote.Backoff{Duration: 200 * time.Millisecond, Factor: 3, Jitter: 0.1, Steps: 3}

func newRegistry(account config.Registry) (*Registry, error) {
	address := account.Address
	if !strings.Contains(address, "://") {
		address = "https://" + address
	}
	parsed, err := url.Parse(address)
	if err != nil || parsed.Host == "" {
		return nil, fmt.Errorf("address %q names no host", account.Address)
	}
	dialer, err := newDialer(&url.URL{Scheme: parsed.Scheme, Host: canonical(parsed.Host)})
	if err != nil {
		return nil, err
	}
	return &Registry{
		account:  account,
		host:     canonical(parsed.Host),
		insecure: account.Insecure || parsed.Scheme == "http",
		transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           dialer.dial,
			TLSHandshakeTimeout:   dialTimeout,
			ResponseHeaderTimeout: timeout,
			IdleConnTimeout:       idleTimeout,
			ForceAttemptHTTP2:     true,
		},
	}, nil
}

// canonical is the host under which image references know Docker Hub.
func canonical(host string) string {
	switch host {
	case "docker.io", "registry-1.docker.io", "registry.hub.docker.com", "hub.docker.com":
		return name.DefaultRegistry
	}
	return host
}

func (r *Registry) covers(host string) bool { return strings.EqualFold(host, r.host) }

// resolve asks with a HEAD request, which registries do not count as a pull.
func (r *Registry) resolve(ctx context.Context, reference name.Reference) (Result, error) {
	if r.insecure {
		parsed, err := name.ParseReference(reference.Name(), name.WeakValidation, name.Insecure)
		if err != nil {
			return Result{}, err
		}
		reference = parsed
	}
	puller, err := r.currentPuller()
	if err != nil {
		return Result{}, err
	}
	found, err := puller.Head(ctx, reference)
	if err == nil {
		return Result{Found: true, Digest: found.Digest.String()}, nil
	}
	var answer *transport.Error
	if errors.As(err, &answer) && answer.StatusCode == http.StatusNotFound {
		return Result{Detail: fmt.Sprintf("registry account %q: %s has no %s", r.account.Name, r.host, path(reference))}, nil
	}
	return Result{}, &Error{
		Problem:   fmt.Sprintf("registry account %q: %s", r.account.Name, reason(ctx, r.host, err)),
		Retryable: passes(err),
		Err:       err,
	}
}

// currentPuller returns the puller that remembers tokens, a new one now and then.
func (r *Registry) currentPuller() (*remote.Puller, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.puller != nil && time.Since(r.born) < pullerAge {
		return r.puller, nil
	}
	puller, err := remote.NewPuller(
		remote.WithAuth(r.auth()),
		remote.WithTransport(r.transport),
		remote.WithUserAgent("gennaker"),
		remote.WithRetryBackoff(backoff),
	)
	if err != nil {
		return nil, err
	}
	r.puller, r.born = puller, time.Now()
	return puller, nil
}

// path is repository and tag or digest, without the host.
func path(reference name.Reference) string {
	repository := reference.Context().RepositoryStr()
	if _, ok := reference.(name.Digest); ok {
		return repository + "@" + reference.Identifier()
	}
	return repository + ":" + reference.Identifier()
}

// reason says what came back, in words that hold no URL with a query.
func reason(ctx context.Context, host string, err error) string {
	var answer *transport.Error
	if errors.As(err, &answer) {
		text := fmt.Sprintf("%s answered %d %s", host, answer.StatusCode, http.StatusText(answer.StatusCode))
		switch answer.StatusCode {
		case http.StatusUnauthorized, http.StatusForbidden:
			text += ". Check the account's username and password, and what they may read"
		}
		return text
	}
	var dns *net.DNSError
	var op *net.OpError
	var u *url.Error
	switch {
	case ctx.Err() != nil:
		return fmt.Sprintf("%s did not answer in time: %v", host, ctx.Err())
	case errors.As(err, &dns):
		return fmt.Sprintf("%s: %s. Check the account's address", host, dns.Err)
	case errors.As(err, &op):
		return fmt.Sprintf("%s: %v", host, op.Err)
	case errors.As(err, &u):
		return fmt.Sprintf("%s: %v", host, u.Err)
	}
	// Further lines may quote the answer of a server that gives tokens.
	first, _, _ := strings.Cut(err.Error(), "\n")
	return fmt.Sprintf("%s: %s", host, first)
}

// passes says whether a failure may be gone soon: no answer at all, or a server's own trouble.
func passes(err error) bool {
	var answer *transport.Error
	if errors.As(err, &answer) {
		return answer.Temporary()
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return !dns.IsNotFound
	}
	var network net.Error
	return errors.As(err, &network)
}
