package serving

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Endpoints says where a running server is. It is the content of the file
// endpoints.json in the server's folder, written as soon as the registry
// answers; the API server may still be starting then.
type Endpoints struct {
	// PID is the server's process id.
	PID int `json:"pid"`
	// APIServer is the URL of the Kubernetes API; empty if there is only a registry.
	APIServer string `json:"apiserver,omitempty"`
	// Kubeconfig is the path of an administrator's kubeconfig. The file appears
	// when the cluster is usable.
	Kubeconfig string `json:"kubeconfig,omitempty"`
	// Registry is the host:port of the anonymous registry.
	Registry string `json:"registry"`
	// ECR is the URL for AWS_ENDPOINT_URL_ECR.
	ECR string `json:"ecr"`
	// Admin is the URL below which faults, clock and pushes are.
	Admin string `json:"admin"`
}

// String is the endpoints in one line.
func (e Endpoints) String() string {
	text := fmt.Sprintf("registry=%s ecr=%s admin=%s", e.Registry, e.ECR, e.Admin)
	if e.APIServer != "" {
		text = fmt.Sprintf("kubeconfig=%s apiserver=%s %s", e.Kubeconfig, e.APIServer, text)
	}
	return text
}

func endpointsFile(dir string) string { return filepath.Join(dir, "endpoints.json") }

// Write puts the endpoints into the server's folder.
func (e Endpoints) Write(dir string) error {
	text, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		return err
	}
	return WriteFile(endpointsFile(dir), append(text, '\n'))
}

// ReadEndpoints reads the endpoints of the server that uses dir.
func ReadEndpoints(dir string) (Endpoints, error) {
	var e Endpoints
	text, err := os.ReadFile(endpointsFile(dir))
	if errors.Is(err, os.ErrNotExist) {
		return e, fmt.Errorf("no server has started in %q: %w", dir, err)
	}
	if err != nil {
		return e, err
	}
	if err := json.Unmarshal(text, &e); err != nil {
		return e, fmt.Errorf("%s: %w", endpointsFile(dir), err)
	}
	return e, nil
}

// WriteFile writes a file for its owner only, in one step for readers.
func WriteFile(path string, content []byte) error {
	temporary := path + ".new"
	if err := os.WriteFile(temporary, content, 0o600); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}
