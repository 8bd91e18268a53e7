package fetch

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/gennaker/gennaker/agent/internal/config"
)

// client makes the client of an account.
func (s *Set) client(name string, reach config.Reach, c credentials) *client {
	return s.clientOver(newDial(name, reach), name, c)
}

func (s *Set) clientOver(dial dial, name string, c credentials) *client {
	return &client{account: name, limits: s.limits, credentials: c, transport: s.transport(dial), cache: &s.cache}
}

// transport makes connections that Close gives back.
func (s *Set) transport(dial dial) *http.Transport {
	transport := newTransport(dial, s.tls)
	s.transports = append(s.transports, transport)
	return transport
}

// at makes the client of an account whose files are at one address; its credentials go nowhere else. An empty address
// stands for any.
func (s *Set) at(address, name string, reach config.Reach, c credentials) (*client, error) {
	made := s.client(name, reach, c)
	if address == "" {
		return made, nil
	}
	var err error
	made.home, err = parseHome(address)
	return made, err
}

// parseHome reads the address of a site, so that paths can be added to it.
func parseHome(address string) (*url.URL, error) {
	home, err := url.Parse(address)
	if err != nil || home.Host == "" || home.Scheme != "http" && home.Scheme != "https" {
		return nil, fmt.Errorf("address %q does not begin with http:// or https://", address)
	}
	if home.Path == "" {
		home.Path = "/"
	}
	return home, nil
}

// addAccounts makes the fetchers of the configured accounts.
func (s *Set) addAccounts(ctx context.Context, c config.Artifacts) error {
	for _, step := range []func(context.Context, config.Artifacts) error{s.addFiles, s.addRepositories, s.addObjects} {
		if err := step(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// addFiles adds the accounts of single files.
func (s *Set) addFiles(_ context.Context, c config.Artifacts) error {
	for _, a := range c.GitHub.Accounts {
		fetcher, err := s.gitHub(a)
		if err != nil {
			return fmt.Errorf("github artifact account %q: %w", a.Name, err)
		}
		s.add(a.Name, fetcher, typeGitHub)
	}
	for _, a := range c.GitLab.Accounts {
		client, err := s.at(a.BaseURL, a.Name, a.Reach, token(a.TokenAuth, "Private-Token", ""))
		if err != nil {
			return fmt.Errorf("gitlab artifact account %q: %w", a.Name, err)
		}
		s.add(a.Name, gitLab{client: client}, typeGitLab)
	}
	for _, a := range c.Bitbucket.Accounts {
		bearer := token(a.TokenAuth, "Authorization", "Bearer ")
		client, err := s.at(a.BaseURL, a.Name, a.Reach, first(bearer, basic(a.BasicAuth)))
		if err != nil {
			return fmt.Errorf("bitbucket artifact account %q: %w", a.Name, err)
		}
		fetcher := httpFile{client: client}
		if bearer != nil {
			fetcher.header = http.Header{"Accept": {"application/json"}}
		}
		s.add(a.Name, fetcher, typeBitbucket)
	}
	for _, a := range c.HTTP.Accounts {
		client, err := s.at(a.BaseURL, a.Name, a.Reach, basic(a.BasicAuth))
		if err != nil {
			return fmt.Errorf("http artifact account %q: %w", a.Name, err)
		}
		s.add(a.Name, httpFile{client: client}, typeHTTP)
	}
	return nil
}

func (s *Set) gitHub(a config.GitHub) (*gitHub, error) {
	client, err := s.at(a.BaseURL, a.Name, a.Reach, first(token(a.TokenAuth, "Authorization", "token "), basic(a.BasicAuth)))
	if err != nil {
		return nil, err
	}
	fetcher := &gitHub{client: client, base: client.home, useContentAPI: a.UseContentAPI}
	if fetcher.base == nil {
		fetcher.base = publicGitHub()
	}
	if a.GitHubApp == nil {
		return fetcher, nil
	}
	app, err := newGitHubApp(*a.GitHubApp, s.client(a.Name, a.Reach, nil))
	if err != nil {
		return nil, err
	}
	client.credentials = app.credentials
	return fetcher, nil
}

// addRepositories adds the accounts of repositories of charts, of packages, and of git.
func (s *Set) addRepositories(ctx context.Context, c config.Artifacts) error {
	for _, a := range c.Helm.Accounts {
		client, err := s.at(a.Repository, a.Name, a.Reach, basic(a.BasicAuth))
		if err != nil {
			return fmt.Errorf("helm artifact account %q: %w", a.Name, err)
		}
		s.add(a.Name, helmRepository{client: client}, typeHelmChart, typeHelmIndex)
	}
	for _, a := range c.HelmOCI.Accounts {
		fetcher, err := newHelmImages(ctx, a, s.transport(newDial(a.Name, a.Reach)), s.limits, &s.cache)
		if err != nil {
			return fmt.Errorf("helmOci artifact account %q: %w", a.Name, err)
		}
		s.add(a.Name, fetcher, typeHelmImage)
	}
	for _, a := range c.Maven.Accounts {
		client, err := s.at(a.RepositoryURL, a.Name, a.Reach, basic(a.BasicAuth))
		if err != nil {
			return fmt.Errorf("maven artifact account %q: %w", a.Name, err)
		}
		s.add(a.Name, mavenFile{client: client}, typeMaven)
	}
	for _, a := range c.GitRepo.Accounts {
		dial := newGitDial(a)
		fetcher, err := newGitRepo(a, s.clientOver(dial, a.Name, nil), dial, s.clientOver(dial, a.Name, nil))
		if err != nil {
			return fmt.Errorf("gitRepo artifact account %q: %w", a.Name, err)
		}
		s.add(a.Name, fetcher, typeGitRepo)
	}
	return nil
}

// addObjects adds the accounts of object stores.
func (s *Set) addObjects(ctx context.Context, c config.Artifacts) error {
	for _, a := range c.S3.Accounts {
		fetcher, err := newS3(ctx, a, s.transport(newDial(a.Name, a.Reach)), s.limits, &s.cache)
		if err != nil {
			return fmt.Errorf("s3 artifact account %q: %w", a.Name, err)
		}
		s.add(a.Name, fetcher, typeS3)
	}
	for _, a := range c.GCS.Accounts {
		// The machine's own metadata server has a link-local address.
		grants := s.client(a.Name, config.Reach{AllowPrivateAddresses: a.JSONPath == "" || a.AllowPrivateAddresses, AllowedHosts: a.AllowedHosts}, nil)
		fetcher, err := newGCS(a, s.client(a.Name, a.Reach, nil), grants)
		if err != nil {
			return fmt.Errorf("gcs artifact account %q: %w", a.Name, err)
		}
		s.add(a.Name, fetcher, typeGCS)
	}
	return nil
}
