package config

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// Artifacts are the accounts that artifacts are fetched with (Clouddriver's artifacts). Names are unique for each
// artifact type.
type Artifacts struct {
	GitHub    Accounts[GitHub]    `yaml:"github"`
	GitLab    Accounts[GitLab]    `yaml:"gitlab"`
	Bitbucket Accounts[Bitbucket] `yaml:"bitbucket"`
	HTTP      Accounts[HTTP]      `yaml:"http"`
	Helm      Accounts[Helm]      `yaml:"helm"`
	HelmOCI   Accounts[HelmOCI]   `yaml:"helmOci"`
	GitRepo   Accounts[GitRepo]   `yaml:"gitRepo"`
	S3        Accounts[S3]        `yaml:"s3"`
	GCS       Accounts[GCS]       `yaml:"gcs"`
	Maven     Accounts[Maven]     `yaml:"maven"`
}

// Reach is where an account's requests may go.
type Reach struct {
	// AllowPrivateAddresses lets references lead to loopback, link-local and private addresses; AllowedHosts lets them
	// lead to these hosts whatever their addresses.
	AllowPrivateAddresses bool     `yaml:"allowPrivateAddresses"`
	AllowedHosts          []string `yaml:"allowedHosts"`
}

// Site is where an account's files are.
type Site struct {
	Reach `yaml:",inline"`
	// BaseURL is where references that are no whole URL belong. The account's credentials then go to no other host.
	BaseURL string `yaml:"baseUrl"`
}

// BasicAuth is a user name with a password.
type BasicAuth struct {
	Username string `yaml:"username"`
	Password Secret `yaml:"password"`
	// UsernamePasswordFile holds both as USER:PASSWORD, and is read for each request; it wins over the other two.
	UsernamePasswordFile string `yaml:"usernamePasswordFile"`
}

// TokenAuth is a token, which wins over a password.
type TokenAuth struct {
	Token Secret `yaml:"token"`
	// TokenFile holds a token, and is read for each request; it wins over Token.
	TokenFile string `yaml:"tokenFile"`
}

// GitHub is an account for github/file.
type GitHub struct {
	Name      string `yaml:"name"`
	TokenAuth `yaml:",inline"`
	BasicAuth `yaml:",inline"`
	// GitHubApp wins over token and password.
	GitHubApp *GitHubApp `yaml:"githubApp"`
	Site      `yaml:",inline"`
	// UseContentAPI reads a file with one request of the contents API, in place of asking for its download URL first.
	UseContentAPI bool `yaml:"useContentAPI"`
}

// GitHubApp is an app of GitHub, in whose name files are read.
//
// Source: spinnaker/spinnaker kork/kork-github GitHubAppCredentials.java.
type GitHubApp struct {
	AppID string `yaml:"appId"`
	// PrivateKeyPath is a file with the app's key in PEM.
	PrivateKeyPath string `yaml:"appPrivateKeyPath"`
	// InstallationID is looked up by the repository's owner when empty.
	InstallationID string `yaml:"appInstallationId"`
	// APIBaseURL is the public API when empty.
	APIBaseURL string `yaml:"apiBaseUrl"`
	// AllowedOrganizations are the owners for whom an installation is looked up; all when empty.
	AllowedOrganizations []string `yaml:"allowedOrganizations"`
}

// GitLab is an account for gitlab/file.
type GitLab struct {
	Name      string `yaml:"name"`
	TokenAuth `yaml:",inline"`
	Site      `yaml:",inline"`
}

// Bitbucket is an account for bitbucket/file.
type Bitbucket struct {
	Name      string `yaml:"name"`
	TokenAuth `yaml:",inline"`
	BasicAuth `yaml:",inline"`
	Site      `yaml:",inline"`
}

// HTTP is an account for http/file.
type HTTP struct {
	Name      string `yaml:"name"`
	BasicAuth `yaml:",inline"`
	Site      `yaml:",inline"`
}

// Helm is an account for helm/chart and helm/index: a chart repository.
type Helm struct {
	Name      string `yaml:"name"`
	BasicAuth `yaml:",inline"`
	Reach     `yaml:",inline"`
	// Repository is the URL under which index.yaml is.
	Repository string `yaml:"repository"`
	// PollInterval is the time between two looks at the index for triggers.
	PollInterval Duration `yaml:"pollInterval"`
}

// DefaultChartInterval is the time between two looks at a chart repository.
const DefaultChartInterval = time.Minute

// HelmOCI is an account for helm/image: charts in an image registry.
type HelmOCI struct {
	Name      string `yaml:"name"`
	BasicAuth `yaml:",inline"`
	Reach     `yaml:",inline"`
	// Address is the registry's URL or host.
	Address string `yaml:"address"`
	// Insecure allows plain HTTP.
	Insecure bool `yaml:"insecureRegistry"`
	// Repositories are the charts that the account lists.
	Repositories []string `yaml:"helmOciRepositories"`
	// ECRRegion has the account sign in at a registry of ECR, in that region, with the credentials of the AWS environment. An
	// address of ECR's own names the region itself.
	ECRRegion string `yaml:"ecrRegion"`
}

// GitRepo is an account for git/repo.
type GitRepo struct {
	Name      string `yaml:"name"`
	BasicAuth `yaml:",inline"`
	TokenAuth `yaml:",inline"`
	GitHubApp *GitHubApp `yaml:"githubApp"`
	// SSHPrivateKeyFilePath is a key for references of ssh; KnownHostsFilePath holds the keys of the servers.
	SSHPrivateKeyFilePath   string `yaml:"sshPrivateKeyFilePath"`
	SSHPrivateKeyPassphrase Secret `yaml:"sshPrivateKeyPassphrase"`
	SSHKnownHostsFilePath   string `yaml:"sshKnownHostsFilePath"`
	// SSHTrustUnknownHosts takes any server for the right one.
	SSHTrustUnknownHosts bool `yaml:"sshTrustUnknownHosts"`
	// AllowPrivateAddresses is as elsewhere. AllowedHosts are, as in Clouddriver, the only hosts that may be reached, with
	// the hosts below them, whatever their addresses; all public ones when empty.
	AllowPrivateAddresses bool     `yaml:"allowPrivateAddresses"`
	AllowedHosts          []string `yaml:"allowedHosts"`
}

// S3 is an account for s3/object. Without keys, credentials are those of the AWS environment.
type S3 struct {
	Name            string `yaml:"name"`
	Reach           `yaml:",inline"`
	Region          string `yaml:"region"`
	AccessKeyID     string `yaml:"awsAccessKeyId"`
	SecretAccessKey Secret `yaml:"awsSecretAccessKey"`
	// APIEndpoint is the URL of a server other than Amazon's, whose buckets are paths; APIRegion its region.
	APIEndpoint string `yaml:"apiEndpoint"`
	APIRegion   string `yaml:"apiRegion"`
}

// GCS is an account for gcs/object. Without a key, credentials are those of the machine that the agent runs on.
type GCS struct {
	Name  string `yaml:"name"`
	Reach `yaml:",inline"`
	// JSONPath is the key file of a service account.
	JSONPath string `yaml:"jsonPath"`
	// Anonymous reads public buckets, without credentials.
	Anonymous bool `yaml:"anonymous"`
	// APIEndpoint is the URL of a server other than Google's.
	APIEndpoint string `yaml:"apiEndpoint"`
}

// Maven is an account for maven/file.
type Maven struct {
	Name          string `yaml:"name"`
	BasicAuth     `yaml:",inline"`
	Reach         `yaml:",inline"`
	RepositoryURL string `yaml:"repositoryUrl"`
}

func (a Artifacts) validate() []error {
	var errs []error
	add := func(found ...error) { errs = append(errs, found...) }
	const in = "artifacts."
	add(each(in+"github", a.GitHub, func(g GitHub) string { return g.Name },
		func(path string, g GitHub) error {
			return errors.Join(isURL(path+".baseUrl", g.BaseURL, true), g.GitHubApp.validate(path+".githubApp"))
		})...)
	add(each(in+"gitlab", a.GitLab, func(g GitLab) string { return g.Name },
		func(path string, g GitLab) error { return isURL(path+".baseUrl", g.BaseURL, true) })...)
	add(each(in+"bitbucket", a.Bitbucket, func(b Bitbucket) string { return b.Name },
		func(path string, b Bitbucket) error { return isURL(path+".baseUrl", b.BaseURL, true) })...)
	add(each(in+"http", a.HTTP, func(h HTTP) string { return h.Name },
		func(path string, h HTTP) error { return isURL(path+".baseUrl", h.BaseURL, true) })...)
	add(each(in+"helm", a.Helm, func(h Helm) string { return h.Name },
		func(path string, h Helm) error { return isURL(path+".repository", h.Repository, false) })...)
	add(each(in+"helmOci", a.HelmOCI, func(h HelmOCI) string { return h.Name }, func(path string, h HelmOCI) error {
		if h.Address == "" {
			return fmt.Errorf("%s.address: is missing: expected a registry such as https://registry.example.com", path)
		}
		return nil
	})...)
	add(each(in+"gitRepo", a.GitRepo, func(g GitRepo) string { return g.Name }, validateGitRepo)...)
	add(each(in+"s3", a.S3, func(s S3) string { return s.Name }, func(path string, s S3) error {
		if (s.AccessKeyID == "") == s.SecretAccessKey.IsSet() {
			return fmt.Errorf("%s: found one of awsAccessKeyId and awsSecretAccessKey, expected both or neither", path)
		}
		return isURL(path+".apiEndpoint", s.APIEndpoint, true)
	})...)
	add(each(in+"gcs", a.GCS, func(g GCS) string { return g.Name }, func(path string, g GCS) error {
		if g.Anonymous && g.JSONPath != "" {
			return fmt.Errorf("%s: found jsonPath and anonymous, expected at most one of them", path)
		}
		return isURL(path+".apiEndpoint", g.APIEndpoint, true)
	})...)
	add(each(in+"maven", a.Maven, func(m Maven) string { return m.Name },
		func(path string, m Maven) error { return isURL(path+".repositoryUrl", m.RepositoryURL, false) })...)
	return errs
}

// each checks the accounts of one kind.
func each[T any](path string, list Accounts[T], name func(T) string, check func(path string, account T) error) []error {
	path += ".accounts"
	errs := unique(path, list.Accounts, name)
	for i, account := range list.Accounts {
		if err := check(fmt.Sprintf("%s[%d]", path, i), account); err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

func isURL(path, text string, optional bool) error {
	if text == "" && optional {
		return nil
	}
	parsed, err := url.Parse(text)
	switch {
	case err != nil || parsed.Host == "" || parsed.Scheme != "http" && parsed.Scheme != "https":
		return fmt.Errorf("%s: found %q, expected a URL such as https://files.example.com", path, text[strings.LastIndex(text, "@")+1:])
	case parsed.User != nil:
		return fmt.Errorf("%s: holds a user name: use username and password", path)
	}
	return nil
}

var number = regexp.MustCompile(`^\d+$`)

func (g *GitHubApp) validate(path string) error {
	if g == nil {
		return nil
	}
	var errs []error
	if g.AppID == "" {
		errs = append(errs, fmt.Errorf("%s.appId: is missing", path))
	}
	if g.PrivateKeyPath == "" {
		errs = append(errs, fmt.Errorf("%s.appPrivateKeyPath: is missing: expected the file with the app's private key", path))
	}
	if g.InstallationID != "" && !number.MatchString(g.InstallationID) {
		errs = append(errs, fmt.Errorf("%s.appInstallationId: found %q, expected a number", path, g.InstallationID))
	}
	return errors.Join(append(errs, isURL(path+".apiBaseUrl", g.APIBaseURL, true))...)
}

func validateGitRepo(path string, g GitRepo) error {
	err := g.GitHubApp.validate(path + ".githubApp")
	if g.SSHPrivateKeyFilePath != "" && g.SSHKnownHostsFilePath == "" && !g.SSHTrustUnknownHosts {
		err = errors.Join(err, fmt.Errorf("%s.sshKnownHostsFilePath: is missing: expected a file with the servers' keys "+
			"(ssh-keyscan makes one), or sshTrustUnknownHosts: true", path))
	}
	return err
}
