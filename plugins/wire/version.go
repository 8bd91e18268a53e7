package wire

import (
	"fmt"
	"slices"
	"strings"
)

// StageV1 is the contract of plugins/proto/stage/v1.
const StageV1 = "stage.v1"

// APIVersions lists the versions of the contract that this build speaks, the preferred one first.
func APIVersions() []string { return []string{StageV1} }

// ChooseVersion picks the version that the agent prefers among those a plugin offers.
func ChooseVersion(offered []string) (string, error) {
	for _, version := range APIVersions() {
		if slices.Contains(offered, version) {
			return version, nil
		}
	}
	return "", fmt.Errorf("no common version of the stage contract: the plugin speaks %s, this agent speaks %s; "+
		"install a plugin built for this agent", listOrNone(offered), listOrNone(APIVersions()))
}

func listOrNone(versions []string) string {
	if len(versions) == 0 {
		return "none"
	}
	return strings.Join(versions, ", ")
}
