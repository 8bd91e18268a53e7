package catalog

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"strings"

	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// applicationName is what Spinnaker allows for Kubernetes.
var applicationName = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9-]*$`)

const longestName = 63

// SaveApplication creates an application or merges the given attributes into it.
//
// Source: spinnaker/spinnaker orca/orca-applications tasks/UpsertApplicationTask.groovy.
func (c *Catalog) SaveApplication(tx store.Tx, given spinnaker.Application, user string) (previous, saved spinnaker.Application, err error) {
	name := given.Name()
	if !applicationName.MatchString(name) || len(name) > longestName {
		return nil, nil, spinnaker.Invalid("Invalid application name, errors: [found %q, expected a letter followed by letters, digits and dashes, at most %d characters]",
			name, longestName)
	}
	previous, err = tx.Application(name)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, nil, err
	}
	now := millis(tx.Now())
	saved = maps.Clone(previous)
	if saved == nil {
		saved = spinnaker.Application{"createTs": now}
	}
	for key, value := range given {
		if key != "createTs" {
			saved[key] = value
		}
	}
	if list, ok := saved["cloudProviders"].([]any); ok {
		saved["cloudProviders"] = joined(list)
	}
	if email, _ := saved["email"].(string); strings.TrimSpace(email) == "" {
		return nil, nil, spinnaker.Invalid("Application must have a non-empty email")
	}
	saved["name"], saved["updateTs"], saved["lastModifiedBy"] = name, now, user
	if previous == nil {
		saved["user"] = user
	}
	if err := tx.PutApplication(saved); err != nil {
		return nil, nil, fmt.Errorf("save application %q: %w", name, err)
	}
	return previous, saved, audit(tx, user, "saveApplication", name)
}

func joined(list []any) string {
	texts := make([]string, len(list))
	for i, item := range list {
		texts[i] = fmt.Sprint(item)
	}
	return strings.Join(texts, ",")
}

// DeleteApplication deletes an application with its pipelines; an absent one is no error.
func (c *Catalog) DeleteApplication(tx store.Tx, name, user string) error {
	name = strings.ToLower(name)
	if err := tx.DeleteApplication(name); err != nil {
		return fmt.Errorf("delete application %q: %w", name, err)
	}
	return audit(tx, user, "deleteApplication", name)
}
