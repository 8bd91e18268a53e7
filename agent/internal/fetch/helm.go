package fetch

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/gennaker/gennaker/agent/internal/fetch/helm"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// maxIndex bounds the index of a chart repository, in bytes. The largest public ones have 30 MiB.
const maxIndex = 48 << 20

// helmRepository fetches helm/chart and helm/index from one chart repository.
//
// Source: spinnaker/spinnaker clouddriver/clouddriver-artifacts-helm HelmArtifactCredentials.java.
type helmRepository struct {
	client *client
}

// Open implements Fetcher.
func (h helmRepository) Open(ctx context.Context, a spinnaker.Artifact) (io.ReadCloser, error) {
	if a.Type == typeHelmIndex {
		return h.client.open(ctx, h.client.file(h.indexURL()))
	}
	if a.Name == "" {
		return nil, &Error{Problem: "Artifact name field should not be empty", Status: http.StatusBadRequest}
	}
	index, err := h.index(ctx)
	if err != nil {
		return nil, err
	}
	chart, err := index.Find(a.Name, a.Version)
	if err != nil {
		return nil, h.missing(index, a, err)
	}
	places, err := chart.Locate(h.client.home)
	if err != nil {
		return nil, &Error{Problem: fmt.Sprintf("GET %s: %v", place(h.indexURL()), err), Err: err}
	}
	return h.openAny(ctx, chart, places)
}

// openAny opens the archive at the first of its addresses that answers.
func (h helmRepository) openAny(ctx context.Context, chart helm.Chart, places []*url.URL) (io.ReadCloser, error) {
	var failures []error
	for _, target := range places {
		if target.Scheme != "http" && target.Scheme != "https" {
			failures = append(failures, &Error{Problem: fmt.Sprintf("chart %s %s: the index names a URL of scheme %q", chart.Name, chart.Version, target.Scheme),
				Advice: "Charts in an image registry are artifacts of type helm/image"})
			continue
		}
		body, err := h.client.open(ctx, h.client.file(target))
		if err == nil {
			return verify(body, "GET "+place(target), chart.Digest), nil
		}
		failures = append(failures, err)
	}
	// The last one is what is said; most charts have a single address.
	return nil, failures[len(failures)-1]
}

// missing says what there is in place of the chart that was asked for.
func (h helmRepository) missing(index *helm.Index, a spinnaker.Artifact, err error) error {
	advice := fmt.Sprintf("%s has %d charts", place(h.indexURL()), len(index.Names()))
	versions, skipped := index.Versions(a.Name)
	if len(versions) > 0 {
		advice = fmt.Sprintf("The newest version of chart %s at %s is %s", a.Name, place(h.indexURL()), versions[0].Version)
	}
	if len(skipped) > 0 {
		advice += fmt.Sprintf(". %d of its entries cannot be read: %s", len(skipped), skipped[0])
	}
	return &Error{Problem: err.Error(), Advice: advice, Status: http.StatusNotFound, Err: err}
}

func (h helmRepository) indexURL() *url.URL { return h.client.home.JoinPath(helm.IndexFile) }

func (h helmRepository) index(ctx context.Context) (*helm.Index, error) {
	text, err := h.client.read(ctx, h.client.file(h.indexURL()), "the index", min(maxIndex, h.client.limits.MaxBytes))
	if err != nil {
		return nil, err
	}
	index, err := helm.Parse(text)
	if err != nil {
		return nil, &Error{Problem: fmt.Sprintf("GET %s: %v", place(h.indexURL()), err), Advice: "Check the account's repository", Err: err}
	}
	return index, nil
}

// Names implements lister.
func (h helmRepository) Names(ctx context.Context) ([]string, error) {
	index, err := h.index(ctx)
	if err != nil {
		return nil, err
	}
	return index.Names(), nil
}

// Versions implements lister.
func (h helmRepository) Versions(ctx context.Context, name string) ([]string, error) {
	index, err := h.index(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := index.Find(name, ""); err != nil {
		return nil, h.missing(index, spinnaker.Artifact{Name: name}, err)
	}
	charts, _ := index.Versions(name)
	versions := make([]string, len(charts))
	for i, chart := range charts {
		versions[i] = chart.Version
	}
	return versions, nil
}
