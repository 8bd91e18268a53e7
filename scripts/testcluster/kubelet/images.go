package kubelet

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

const (
	pullTimeout = 5 * time.Second // for one question for an image
	maxToken    = 64 << 10        // bytes of a node's credentials
)

// Images asks the test registry for images.
type Images struct {
	// Registry is the host:port where everybody may pull.
	Registry string
	// ECR is the host:port that asks for credentials. A Pod's pull secrets
	// decide; a Pod without uses the node's own, as on EKS.
	ECR string
	// TokenURL is where a node gets its own credentials, by POST.
	TokenURL string
}

// pull asks for image by HEAD, as a node would before it starts a container.
// secrets are the credentials that the Pod brings for a registry host.
func (i Images) pull(ctx context.Context, image string, secrets func(host string) *authn.AuthConfig) pulled {
	ref, err := name.ParseReference(image, name.WeakValidation)
	if err != nil {
		return pulled{err: fmt.Errorf("invalid image name: %w", err)}
	}
	host := ref.Context().RegistryStr()
	if !slices.Contains([]string{i.Registry, i.ECR}, host) {
		return pulled{}
	}
	ctx, cancel := context.WithTimeout(ctx, pullTimeout)
	defer cancel()
	auth := authn.Anonymous
	if host == i.ECR {
		if auth, err = i.credentials(ctx, secrets(host)); err != nil {
			return pulled{err: err}
		}
	}
	found, err := remote.Head(ref, remote.WithContext(ctx), remote.WithAuth(auth),
		remote.WithRetryBackoff(remote.Backoff{Steps: 1}))
	if err != nil {
		return pulled{err: fmt.Errorf("failed to pull image %q: %w", image, err)}
	}
	return pulled{digest: ref.Context().Name() + "@" + found.Digest.String()}
}

func (i Images) credentials(ctx context.Context, secret *authn.AuthConfig) (authn.Authenticator, error) {
	if secret != nil {
		return authn.FromConfig(*secret), nil
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, i.TokenURL, nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, fmt.Errorf("node credentials: %w", err)
	}
	defer answer.Body.Close() //nolint:errcheck // read to its end or given up
	var token struct{ User, Password string }
	if err := json.NewDecoder(io.LimitReader(answer.Body, maxToken)).Decode(&token); err != nil {
		return nil, fmt.Errorf("node credentials: %w", err)
	}
	return &authn.Basic{Username: token.User, Password: token.Password}, nil
}

// dockerConfig is the content of a kubernetes.io/dockerconfigjson Secret.
type dockerConfig struct {
	Auths map[string]authn.AuthConfig `json:"auths"`
}
