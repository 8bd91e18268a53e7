package config

import (
	"cmp"
	"fmt"
	"time"

	"github.com/gennaker/gennaker/agent/spel/javaregex"
)

// Watched is how a registry is looked at for triggers, under the names that Clouddriver has for it. The repositories that
// enabled triggers name are always looked at.
type Watched struct {
	// Repositories are looked at for images, HelmOCIRepositories for charts, whether or not a trigger names them.
	Repositories        []string `yaml:"repositories"`
	HelmOCIRepositories []string `yaml:"helmOciRepositories"`
	// TrackDigests makes a tag that moves to another image an event.
	TrackDigests bool `yaml:"trackDigests"`
	// CacheIntervalSeconds is the time between two looks, ClientTimeoutMillis bounds the look at one repository. As long as it
	// is the shorter one, a repository that hangs delays no other.
	CacheIntervalSeconds int `yaml:"cacheIntervalSeconds"`
	ClientTimeoutMillis  int `yaml:"clientTimeoutMillis"`
}

// Interval is the time between two looks.
func (w Watched) Interval() time.Duration {
	return cmp.Or(time.Duration(w.CacheIntervalSeconds)*time.Second, 30*time.Second)
}

// Timeout bounds the look at one repository.
func (w Watched) Timeout() time.Duration {
	return cmp.Or(time.Duration(w.ClientTimeoutMillis)*time.Millisecond, 20*time.Second)
}

// validateWatched checks how registries are looked at. A trigger names an account of either kind, so their names differ.
func (c Config) validateWatched() []error {
	var errs []error
	taken := map[string]string{}
	for i, account := range c.DockerRegistry.Accounts {
		path := fmt.Sprintf("dockerRegistry.accounts[%d]", i)
		taken[account.Name] = path
		errs = append(errs, account.Watched.validate(path)...)
		errs = append(errs, notNegative(path+".paginateSize", account.PaginateSize)...)
		if _, err := javaregex.Compile(account.RepositoriesRegex); err != nil {
			errs = append(errs, fmt.Errorf("%s.repositoriesRegex: %w", path, err))
		}
	}
	for i, account := range c.ECR.Accounts {
		path := fmt.Sprintf("ecr.accounts[%d]", i)
		errs = append(errs, account.Watched.validate(path)...)
		if earlier, ok := taken[account.Name]; ok {
			errs = append(errs, fmt.Errorf("%s.name: %q is the name of %s already", path, account.Name, earlier))
		}
	}
	return errs
}

func (w Watched) validate(path string) []error {
	return append(notNegative(path+".cacheIntervalSeconds", w.CacheIntervalSeconds),
		notNegative(path+".clientTimeoutMillis", w.ClientTimeoutMillis)...)
}

func notNegative(path string, value int) []error {
	if value < 0 {
		return []error{fmt.Errorf("%s: found %d, expected a number above zero", path, value)}
	}
	return nil
}
