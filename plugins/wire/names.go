package wire

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"

	stagev1 "github.com/gennaker/gennaker/plugins/proto/stage/v1"
)

// Names answers which accounts and masters a step names: the agent gives a plugin no others. The methods may be used from
// several goroutines.
type Names struct {
	in            *stagev1.RunRequest
	accountFields []string
	pluginConfig  map[string]any

	once     sync.Once
	accounts []string
	all      map[string]bool
}

// NewNames looks into a step's request, by the account fields of its stage type, and into the configuration of the plugin.
func NewNames(in *stagev1.RunRequest, accountFields []string, pluginConfig map[string]any) *Names {
	return &Names{in: in, accountFields: accountFields, pluginConfig: pluginConfig}
}

// Accounts are the names in the stage type's account fields, sorted. A field may be a path such as `targets.account`; a
// list on the way stands for all its items.
func (n *Names) Accounts() []string {
	n.once.Do(n.collect)
	return n.accounts
}

// Mention reports whether the stage's config, an artifact that it sees or the plugin's own configuration holds the name
// as a text of its own anywhere.
func (n *Names) Mention(name string) bool {
	n.once.Do(n.collect)
	return n.all[name]
}

func (n *Names) collect() {
	n.all = map[string]bool{}
	var config any
	// The agent itself made the text; should it be no JSON, then the stage names nothing.
	if json.Unmarshal([]byte(n.in.GetConfigJson()), &config) == nil {
		addTexts(n.all, config)
	}
	addTexts(n.all, n.pluginConfig)
	for _, artifact := range n.in.GetArtifacts() {
		n.all[artifact.GetArtifactAccount()] = true
	}
	for _, expected := range n.in.GetResolvedExpectedArtifacts() {
		n.all[expected.GetMatchArtifact().GetArtifactAccount()] = true
		n.all[expected.GetBoundArtifact().GetArtifactAccount()] = true
	}
	delete(n.all, "")
	found := map[string]bool{}
	for _, field := range n.accountFields {
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
