package fetch

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gennaker/gennaker/agent/internal/artifact"
	"github.com/gennaker/gennaker/agent/internal/config"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// Artifact types, beside those of package artifact.
const (
	typeBitbucket = "bitbucket/file"
	typeGCS       = "gcs/object"
	typeGitHub    = "github/file"
	typeGitLab    = "gitlab/file"
	typeGitRepo   = "git/repo"
	typeHelmChart = "helm/chart"
	typeHelmImage = "helm/image"
	typeHelmIndex = "helm/index"
	typeHTTP      = "http/file"
	typeJenkins   = "jenkins/file"
	typeMaven     = "maven/file"
	typeS3        = "s3/object"
)

// Fetcher opens the bodies of artifacts of one account. Its errors are *Error, with Type and Name left out.
type Fetcher interface {
	Open(ctx context.Context, a spinnaker.Artifact) (io.ReadCloser, error)
}

// JenkinsFiles opens files that builds archived. Jobs carry their names in Igor's form.
type JenkinsFiles interface {
	Masters() []string
	Artifact(ctx context.Context, master, job string, number int64, path string, limit int64) (io.ReadCloser, error)
}

// Blobs opens bodies of the store by their SHA-256 in hex.
type Blobs interface {
	Open(ctx context.Context, sha256 string) (io.ReadCloser, error)
}

// Limits bound one fetch. Zero values mean the defaults.
type Limits struct {
	// MaxBytes is the largest body, in bytes.
	MaxBytes int64
	// Timeout is how long a fetch may take until its body is read to the end.
	Timeout time.Duration
	// Tries is how often a request is sent when it fails in a way that may pass.
	Tries int
	// RetryPause is the time before the second try; it doubles with each further one.
	RetryPause time.Duration
}

// DefaultLimits are the limits of a Set that is given none.
func DefaultLimits() Limits {
	return Limits{MaxBytes: 100 << 20, Timeout: 2 * time.Minute, Tries: 4, RetryPause: 250 * time.Millisecond}
}

func (l Limits) withDefaults() Limits {
	defaults := DefaultLimits()
	if l.MaxBytes <= 0 {
		l.MaxBytes = defaults.MaxBytes
	}
	if l.Timeout <= 0 {
		l.Timeout = defaults.Timeout
	}
	if l.Tries <= 0 {
		l.Tries = defaults.Tries
	}
	if l.RetryPause <= 0 {
		l.RetryPause = defaults.RetryPause
	}
	return l
}

// Options are what a Set works with.
type Options struct {
	Accounts config.Artifacts
	// Jenkins gives every master an account of its name for jenkins/file; nil for none.
	Jenkins JenkinsFiles
	// Blobs gives remote/base64; nil for none.
	Blobs  Blobs
	Limits Limits
	// TLS is for all connections; nil means the system's certificates.
	TLS *tls.Config
}

// Set holds a fetcher for each account and type.
type Set struct {
	accounts   []account
	public     httpFile
	transports []*http.Transport
	limits     Limits
	tls        *tls.Config
	cache      cache
}

// account is a fetcher under its name; a name may stand for several, of different types.
type account struct {
	name    string
	types   []string
	fetcher Fetcher
}

// New makes the fetchers. It reads the accounts' key files, and the AWS environment when there are accounts of S3; it
// opens no connection.
func New(ctx context.Context, o Options) (*Set, error) {
	s := &Set{limits: o.Limits.withDefaults(), tls: o.TLS}
	s.public = httpFile{client: s.client("", config.Reach{}, nil)}
	s.add(artifact.EmbeddedAccount, embedded{limits: s.limits}, artifact.Embedded)
	if o.Blobs != nil {
		s.add(artifact.EmbeddedAccount, stored{blobs: o.Blobs}, artifact.Remote)
	}
	if err := s.addAccounts(ctx, o.Accounts); err != nil {
		return nil, err
	}
	if o.Jenkins != nil {
		for _, master := range o.Jenkins.Masters() {
			s.add(master, jenkinsFile{files: o.Jenkins, master: master, limits: s.limits}, typeJenkins)
		}
	}
	return s, s.checkNames()
}

func (s *Set) add(name string, fetcher Fetcher, types ...string) {
	s.accounts = append(s.accounts, account{name: name, types: types, fetcher: fetcher})
}

// checkNames refuses two accounts of one name for one type: nobody could tell which is meant.
func (s *Set) checkNames() error {
	seen := map[string]bool{}
	for _, a := range s.accounts {
		for _, t := range a.types {
			if a.name == "" {
				return fmt.Errorf("an artifact account for %s has no name", t)
			}
			key := t + " " + a.name
			if seen[key] {
				return fmt.Errorf("two artifact accounts for %s are named %q", t, a.name)
			}
			seen[key] = true
		}
	}
	return nil
}

// Close gives back idle connections.
func (s *Set) Close() {
	for _, transport := range s.transports {
		transport.CloseIdleConnections()
	}
}

// Open opens the body of an artifact through the account that it names. The caller closes the body. Errors, those of
// reading the body included, are *Error.
func (s *Set) Open(ctx context.Context, a spinnaker.Artifact) (io.ReadCloser, error) {
	fetcher, err := s.find(a)
	if err != nil {
		return nil, about(a, err)
	}
	body, err := fetcher.Open(ctx, a)
	if err != nil {
		return nil, about(a, err)
	}
	return &namedBody{ReadCloser: body, artifact: a}, nil
}

// Account is an account as the API lists it.
type Account struct {
	Name  string   `json:"name"`
	Types []string `json:"types"`
}

// lister is a Fetcher that knows what there is to fetch.
type lister interface {
	Names(ctx context.Context) ([]string, error)
	Versions(ctx context.Context, name string) ([]string, error)
}

// Names lists the names of the artifacts of a type that an account has. Errors are *Error.
func (s *Set) Names(ctx context.Context, accountName, artifactType string) ([]string, error) {
	return s.list(accountName, artifactType, "names", "", func(l lister) ([]string, error) { return l.Names(ctx) })
}

// Versions lists the versions of an artifact that an account has, newest first. Errors are *Error.
func (s *Set) Versions(ctx context.Context, accountName, artifactType, name string) ([]string, error) {
	return s.list(accountName, artifactType, "versions", name, func(l lister) ([]string, error) { return l.Versions(ctx, name) })
}

func (s *Set) list(accountName, artifactType, what, name string, of func(lister) ([]string, error)) ([]string, error) {
	a := spinnaker.Artifact{Type: artifactType, ArtifactAccount: accountName, Name: name}
	fetcher, err := s.find(a)
	if err != nil {
		return nil, about(a, err)
	}
	l, ok := fetcher.(lister)
	if !ok {
		return nil, about(a, &Error{Status: http.StatusBadRequest,
			Problem: fmt.Sprintf("Artifact %s are not supported for artifact types that '%s' account handles", what, accountName)})
	}
	found, err := of(l)
	if err != nil {
		return nil, about(a, err)
	}
	return found, nil
}

// Accounts lists the accounts, by name, with the artifact types they fetch.
func (s *Set) Accounts() []Account {
	var out []Account
	for _, a := range s.accounts {
		at := slices.IndexFunc(out, func(have Account) bool { return have.Name == a.name })
		if at < 0 {
			out = append(out, Account{Name: a.name, Types: slices.Clone(a.types)})
			continue
		}
		out[at].Types = append(out[at].Types, a.types...)
	}
	slices.SortFunc(out, func(a, b Account) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// find looks the account up by name and type.
//
// Source: spinnaker/spinnaker clouddriver/clouddriver-artifacts ArtifactCredentialsRepository.java.
func (s *Set) find(a spinnaker.Artifact) (Fetcher, error) {
	if reason := notFetched(a.Type); reason != "" {
		return nil, &Error{Status: http.StatusBadRequest, Problem: reason}
	}
	name := a.ArtifactAccount
	if a.Type == artifact.Embedded || a.Type == artifact.Remote {
		name = artifact.EmbeddedAccount
	}
	if name == "" {
		return nil, &Error{
			Status:  http.StatusBadRequest,
			Problem: "An artifact account must be supplied to download this artifact: " + a.Name,
			Advice:  "Accounts for its type: " + s.namesFor(a.Type),
		}
	}
	for _, candidate := range s.accounts {
		if candidate.name == name && slices.Contains(candidate.types, a.Type) {
			return candidate.fetcher, nil
		}
	}
	return nil, &Error{
		Status:  http.StatusNotFound,
		Problem: fmt.Sprintf("Credentials '%s' supporting artifact type '%s' cannot be found", name, a.Type),
		Advice:  "Accounts for its type: " + s.namesFor(a.Type),
	}
}

func (s *Set) namesFor(artifactType string) string {
	var names []string
	for _, a := range s.accounts {
		if slices.Contains(a.types, artifactType) {
			names = append(names, a.name)
		}
	}
	if len(names) == 0 {
		return "none"
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// notFetched says why artifacts of a type have no body; empty for those that may have one.
func notFetched(artifactType string) string {
	switch {
	case artifactType == "docker/image":
		return "an image is used by its reference, there is no file to fetch"
	case strings.HasPrefix(artifactType, "kubernetes/"):
		return "a Kubernetes object is used by its reference, there is no file to fetch"
	}
	return ""
}
