package pluginhost

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"

	stagev1 "github.com/gennaker/gennaker/plugins/proto/stage/v1"
)

// names answers which accounts and masters a stage names: a plugin gets no others.
type names struct {
	in           *stagev1.RunRequest
	fields       []string
	pluginConfig map[string]any

	once     sync.Once
	accounts []string
	all      map[string]bool
}

func newNames(in *stagev1.RunRequest, stageType StageType, pluginConfig map[string]any) *names {
	return &names{in: in, fields: stageType.AccountFields, pluginConfig: pluginConfig}
}

// accountsInFields are the accounts in the stage type's account fields.
func (n *names) accountsInFields() []string {
	n.once.Do(n.collect)
	return n.accounts
}

// mentions reports whether the stage's config, an artifact it sees or the plugin's own configuration holds the name
// anywhere.
func (n *names) mentions(name string) bool {
	n.once.Do(n.collect)
	return n.all[name]
}

func (n *names) collect() {
	n.all = map[string]bool{}
	var config any
	// The agent itself made the text; should it be no JSON, then the stage names nothing.
	if json.Unmarshal([]byte(n.in.GetConfigJson()), &config) == nil {
		addTexts(n.all, config)
	}
	addTexts(n.all, any(n.pluginConfig))
	for _, artifact := range n.in.GetArtifacts() {
		n.all[artifact.GetArtifactAccount()] = true
	}
	for _, expected := range n.in.GetResolvedExpectedArtifacts() {
		n.all[expected.GetMatchArtifact().GetArtifactAccount()] = true
		n.all[expected.GetBoundArtifact().GetArtifactAccount()] = true
	}
	delete(n.all, "")
	found := map[string]bool{}
	for _, field := range n.fields {
		addTexts(found, at(config, strings.Split(field, ".")))
	}
	delete(found, "")
	for name := range found {
		n.accounts = append(n.accounts, name)
	}
	slices.Sort(n.accounts)
}

// addTexts collects all texts in a JSON value.
func addTexts(set map[string]bool, value any) {
	switch value := value.(type) {
	case string:
		set[value] = true
	case []any:
		for _, item := range value {
			addTexts(set, item)
		}
	case map[string]any:
		for _, item := range value {
			addTexts(set, item)
		}
	}
}

// at follows a path through objects; a list on the way stands for all its items.
func at(value any, path []string) any {
	if len(path) == 0 {
		return value
	}
	switch value := value.(type) {
	case []any:
		var all []any
		for _, item := range value {
			all = append(all, at(item, path))
		}
		return all
	case map[string]any:
		return at(value[path[0]], path[1:])
	}
	return nil
}
