package image

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/gennaker/gennaker/agent/internal/config"
)

// timeout bounds one question, retries included. The plugin that asks waits longer.
const timeout = 20 * time.Second

// Result is what the registries say of an image.
type Result struct {
	// Known is false when no configured registry covers the image's host: nothing is said about it then.
	Known bool
	// Found says whether the image exists; Digest is then its digest as "sha256:…".
	Found  bool
	Digest string
	// Detail says in words what was asked and what came back when the image was not found.
	Detail string
}

// Error is a question that got no answer. Its text holds no credentials.
type Error struct {
	// Image is the reference that was asked about.
	Image string
	// Problem says what was asked and what came back.
	Problem string
	// Retryable says that the same question may be answered soon without anybody doing something.
	Retryable bool
	// Busy says that the account wants to be left alone; Pause for how long, 0 when it does not say.
	Busy  bool
	Pause time.Duration
	// Err is the cause; may be nil.
	Err error
}

// Error gives `image registry.example/web:1: registry account "main": …`.
func (e *Error) Error() string { return fmt.Sprintf("image %s: %s", e.Image, e.Problem) }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// source is a registry that some account is for.
type source interface {
	covers(host string) bool
	resolve(ctx context.Context, reference name.Reference) (Result, error)
}

// Resolver knows the configured registries.
type Resolver struct {
	sources    []source
	closers    []func()
	registries map[string]*Registry
	ecrs       map[string]*ECR
}

// New takes the accounts. It reads the AWS environment when there are accounts of ECR, and opens no connection.
func New(ctx context.Context, registries []config.Registry, ecrs []config.ECR) (*Resolver, error) {
	r := &Resolver{registries: map[string]*Registry{}, ecrs: map[string]*ECR{}}
	for _, account := range ecrs {
		source, err := newECR(ctx, account)
		if err != nil {
			return nil, fmt.Errorf("ecr account %q: %w", account.Name, err)
		}
		r.sources = append(r.sources, source)
		r.ecrs[account.Name] = source
	}
	for _, account := range registries {
		source, err := newRegistry(account)
		if err != nil {
			return nil, fmt.Errorf("docker registry account %q: %w", account.Name, err)
		}
		r.sources = append(r.sources, source)
		r.registries[account.Name] = source
		r.closers = append(r.closers, source.transport.CloseIdleConnections)
	}
	return r, nil
}

// Registry returns the registry of an account of dockerRegistry, nil when there is none of that name.
func (r *Resolver) Registry(account string) *Registry { return r.registries[account] }

// ECR returns the registry of an account of ecr, nil when there is none of that name.
func (r *Resolver) ECR(account string) *ECR { return r.ecrs[account] }

// Close gives back idle connections.
func (r *Resolver) Close() {
	for _, closer := range r.closers {
		closer()
	}
}

// Resolve asks the first account that covers the image's host. Its errors are *Error.
func (r *Resolver) Resolve(ctx context.Context, image string) (Result, error) {
	reference, err := name.ParseReference(image, name.WeakValidation)
	if err != nil {
		return Result{}, &Error{Image: image, Problem: "it is no image reference: " + err.Error(), Err: err}
	}
	host := reference.Context().RegistryStr()
	for _, source := range r.sources {
		if !source.covers(host) {
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		result, err := source.resolve(ctx, reference)
		if err != nil {
			return Result{}, named(image, err)
		}
		result.Known = true
		if !result.Found {
			result.Detail = fmt.Sprintf("image %s is not in the registry: %s. Push it, or check its name and tag", image, result.Detail)
		}
		return result, nil
	}
	return Result{}, nil
}

func named(image string, err error) error {
	var known *Error
	if !errors.As(err, &known) {
		known = &Error{Problem: err.Error(), Err: err}
	}
	complete := *known
	complete.Image = image
	return &complete
}
