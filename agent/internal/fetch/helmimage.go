package fetch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/gennaker/gennaker/agent/internal/config"
	"github.com/gennaker/gennaker/agent/internal/fetch/helm"
	"github.com/gennaker/gennaker/agent/internal/fetch/image"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// Media types of charts in image registries (helm/helm pkg/registry/constants.go).
const (
	chartConfig  = "application/vnd.cncf.helm.config.v1+json"
	chartContent = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
)

// maxTags bounds how many versions of a chart are looked at.
const maxTags = 10_000

// helmImages fetches helm/image: charts that an image registry keeps. An artifact's name is the repository, its version
// the tag.
//
// Source: spinnaker/spinnaker clouddriver/clouddriver-artifacts-docker HelmOciDockerArtifactCredentials.java.
type helmImages struct {
	account   config.HelmOCI
	host      string
	options   []name.Option
	transport http.RoundTripper
	limits    Limits
	cache     *cache
	// login is nil where the registry is not one of ECR.
	login *image.Login
}

func newHelmImages(ctx context.Context, account config.HelmOCI, transport http.RoundTripper, limits Limits, cache *cache) (*helmImages, error) {
	address := account.Address
	if !strings.Contains(address, "://") {
		address = "https://" + address
	}
	parsed, err := url.Parse(address)
	if err != nil || parsed.Host == "" {
		return nil, fmt.Errorf("address %q names no host", account.Address)
	}
	h := &helmImages{account: account, host: parsed.Host, transport: transport, limits: limits, cache: cache, options: []name.Option{name.StrictValidation}}
	if account.Insecure || parsed.Scheme == "http" {
		h.options = append(h.options, name.Insecure)
	}
	if region := cmp.Or(account.ECRRegion, image.Region(parsed.Hostname())); region != "" && basic(account.BasicAuth) == nil {
		if h.login, err = image.NewLogin(ctx, region); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// Open implements Fetcher.
func (h *helmImages) Open(ctx context.Context, a spinnaker.Artifact) (io.ReadCloser, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, h.limits.Timeout, errTooSlow)
	body, err := h.pull(ctx, a)
	if err != nil {
		cancel()
		return nil, err
	}
	return &stream{ReadCloser: body, cancel: cancel, from: a.Name, left: h.limits.MaxBytes, limit: h.limits.MaxBytes,
		failure: func(err error) error { return h.failure(ctx, "the chart's layer", err) }}, nil
}

// pull finds the chart's one layer and opens it; its digest is checked as it is read. One that was read before is not sent
// again, but the registry is asked for the manifest that names it.
func (h *helmImages) pull(ctx context.Context, a spinnaker.Artifact) (io.ReadCloser, error) {
	reference, err := h.reference(ctx, a)
	if err != nil {
		return nil, err
	}
	options, err := h.remote(ctx)
	if err != nil {
		return nil, err
	}
	chart, err := remote.Image(reference, options...)
	if err != nil {
		return nil, h.failure(ctx, reference.String(), err)
	}
	manifest, err := chart.Manifest()
	if err != nil {
		return nil, h.failure(ctx, reference.String(), err)
	}
	at := slices.IndexFunc(manifest.Layers, func(d v1.Descriptor) bool { return d.MediaType == chartContent })
	if manifest.Config.MediaType != chartConfig || at < 0 {
		return nil, &Error{Problem: fmt.Sprintf("%s is no chart: its manifest's config is %q", reference, manifest.Config.MediaType),
			Advice: "Check the artifact's name and version", Status: http.StatusUnprocessableEntity}
	}
	if layer := manifest.Layers[at]; layer.Size > h.limits.MaxBytes {
		return nil, tooLarge(reference.String(), h.limits.MaxBytes)
	}
	key := cacheKey(h.account.Name, "", reference.Context().Digest(manifest.Layers[at].Digest.String()).String())
	if known := h.cache.open(key); known != nil {
		return known, nil
	}
	layer, err := chart.LayerByDigest(manifest.Layers[at].Digest)
	if err != nil {
		return nil, h.failure(ctx, reference.String(), err)
	}
	body, err := layer.Compressed()
	if err != nil {
		return nil, h.failure(ctx, reference.String(), err)
	}
	if manifest.Layers[at].Size > maxCachedBody {
		return body, nil
	}
	return h.cache.recorded(body, &cached{key: key}), nil
}

// reference is where the chart is: tag or digest, the newest version when the artifact names none.
func (h *helmImages) reference(ctx context.Context, a spinnaker.Artifact) (name.Reference, error) {
	repository, err := h.repository(a.Name)
	if err != nil {
		return nil, err
	}
	version := a.Version
	if version == "" {
		versions, err := h.versions(ctx, repository)
		if err != nil {
			return nil, err
		}
		version = versions[0]
	}
	separator := ":"
	if strings.HasPrefix(version, "sha256:") {
		separator = "@"
	}
	reference, err := name.ParseReference(repository.String()+separator+toTag(version), h.options...)
	if err != nil {
		return nil, &Error{Problem: fmt.Sprintf("version %q is no tag of an image registry", version), Status: http.StatusBadRequest, Err: err}
	}
	return reference, nil
}

// repository reads an artifact's name: a repository of the account's registry, with or without the registry's host.
func (h *helmImages) repository(text string) (name.Repository, error) {
	path := strings.TrimPrefix(strings.TrimPrefix(text, "oci://"), h.host+"/")
	repository, err := name.NewRepository(h.host+"/"+path, h.options...)
	if path == "" || err != nil {
		return name.Repository{}, &Error{Problem: fmt.Sprintf("name %q is no repository of registry %s", text, h.host), Status: http.StatusBadRequest, Err: err}
	}
	return repository, nil
}

// Tags cannot hold the + of a version's build metadata; Helm writes _ for it (helm/helm pkg/registry/client.go).
func toTag(version string) string { return strings.ReplaceAll(version, "+", "_") }

func toVersion(tag string) string { return strings.ReplaceAll(tag, "_", "+") }

// Names implements lister: the charts that the account names, as registries do not tell charts from images.
func (h *helmImages) Names(context.Context) ([]string, error) {
	names := slices.Clone(h.account.Repositories)
	slices.Sort(names)
	return names, nil
}

// Versions implements lister.
func (h *helmImages) Versions(ctx context.Context, chart string) ([]string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, h.limits.Timeout, errTooSlow)
	defer cancel()
	repository, err := h.repository(chart)
	if err != nil {
		return nil, err
	}
	return h.versions(ctx, repository)
}

// versions are the tags of a repository as versions, newest first; at least one.
func (h *helmImages) versions(ctx context.Context, repository name.Repository) ([]string, error) {
	options, err := h.remote(ctx)
	if err != nil {
		return nil, err
	}
	puller, err := remote.NewPuller(options...)
	if err != nil {
		return nil, h.failure(ctx, repository.String(), err)
	}
	pages, err := puller.Lister(ctx, repository)
	if err != nil {
		return nil, h.failure(ctx, repository.String(), err)
	}
	var versions []string
	for pages.HasNext() {
		page, err := pages.Next(ctx)
		if err != nil {
			return nil, h.failure(ctx, repository.String(), err)
		}
		if len(versions)+len(page.Tags) > maxTags {
			return nil, &Error{Problem: fmt.Sprintf("%s has more than %d tags", repository, maxTags), Advice: "Name a version"}
		}
		for _, tag := range page.Tags {
			versions = append(versions, toVersion(tag))
		}
	}
	if len(versions) == 0 {
		return nil, &Error{Problem: fmt.Sprintf("%s has no tags", repository), Status: http.StatusNotFound}
	}
	slices.SortFunc(versions, func(a, b string) int { return helm.Compare(b, a) })
	return versions, nil
}

// remote are the options of a request to the registry.
func (h *helmImages) remote(ctx context.Context) ([]remote.Option, error) {
	auth := authn.Anonymous
	if h.login != nil {
		user, password, err := h.login.Basic(ctx)
		if err != nil {
			return nil, &Error{Problem: err.Error(), Err: err, Advice: "Check the AWS credentials in the agent's environment"}
		}
		auth = &authn.Basic{Username: user, Password: password}
	} else if basic(h.account.BasicAuth) != nil {
		user, password, err := userAndPassword(h.account.BasicAuth)
		if err != nil {
			return nil, err
		}
		auth = &authn.Basic{Username: user, Password: password}
	}
	return []remote.Option{
		remote.WithContext(ctx), remote.WithAuth(auth), remote.WithTransport(h.transport), remote.WithUserAgent(userAgent),
		remote.WithRetryBackoff(remote.Backoff{Duration: h.limits.RetryPause, Factor: 2, Jitter: 0.1, Steps: h.limits.Tries, Cap: time.Minute}),
	}, nil
}

// failure says what the registry answered, without the URLs that the library prints.
func (h *helmImages) failure(ctx context.Context, what string, err error) error {
	var answer *transport.Error
	if !errors.As(err, &answer) {
		return networkError(ctx, what, err)
	}
	code := answer.StatusCode
	failed := &Error{Problem: fmt.Sprintf("%s: %s answered %d %s", what, h.host, code, http.StatusText(code)), Status: code, Err: err,
		Retryable: answer.Temporary() || code == http.StatusTooManyRequests}
	switch code {
	case http.StatusUnauthorized, http.StatusForbidden:
		failed.Advice = fmt.Sprintf("Check the credentials of artifact account %q and what they may read", h.account.Name)
	case http.StatusNotFound:
		failed.Advice = "Check the artifact's name and version"
	}
	return failed
}
