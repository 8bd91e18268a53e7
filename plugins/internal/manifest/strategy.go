package manifest

import (
	"fmt"
	"strconv"
	"strings"
)

// Strategy is how an object gets into the cluster.
type Strategy string

// The strategies, chosen by `strategy.spinnaker.io/*` annotations.
const (
	StrategyApply      Strategy = "apply"
	StrategyServerSide Strategy = "server-side-apply"
	// StrategyServerSideForce takes over fields that others own.
	StrategyServerSideForce Strategy = "server-side-apply-force"
	StrategyReplace         Strategy = "replace"
	StrategyRecreate        Strategy = "recreate"
	// StrategyCreate is for objects that have a generateName only.
	StrategyCreate Strategy = "create"
)

// strategyOf reads an object's annotations: recreate before replace before server-side-apply.
func strategyOf(o Object) Strategy {
	annotations := o.GetAnnotations()
	on := func(name string) bool { return strings.EqualFold(annotations["strategy.spinnaker.io/"+name], "true") }
	switch {
	case o.GetName() == "":
		return StrategyCreate
	case on("recreate"):
		return StrategyRecreate
	case on("replace"):
		return StrategyReplace
	case on("server-side-apply"):
		return StrategyServerSide
	case strings.EqualFold(annotations["strategy.spinnaker.io/server-side-apply"], "force-conflicts"):
		return StrategyServerSideForce
	default:
		return StrategyApply
	}
}

// Versioned decides whether an object gets a version: its annotation before the stage's field before its kind.
func (k *Kinds) Versioned(o Object, stage *bool) bool {
	if text, present := o.GetAnnotations()[annotationVersioned]; present {
		return strings.EqualFold(text, "true")
	}
	if o.GetName() == "" {
		return false
	}
	if stage != nil {
		return *stage
	}
	return k.Of(o.GroupVersionKind()).Versioned
}

// MaxVersions reads how many versions of an object to keep; not ok means that nothing is said.
func MaxVersions(o Object) (n int, ok bool, err error) {
	text, present := o.GetAnnotations()[annotationMaxVersions]
	if !present {
		return 0, false, nil
	}
	n, err = strconv.Atoi(strings.TrimSpace(text))
	if err != nil || n < 0 {
		return 0, false, fmt.Errorf("%s: annotation %s must be a whole number, found %q", o.Title(), annotationMaxVersions, text)
	}
	return n, true, nil
}

// UsesSourceCapacity says whether an object wants the replica count of its latest version.
func (k *Kinds) UsesSourceCapacity(o Object) bool {
	return k.Of(o.GroupVersionKind()).Scales && strings.EqualFold(o.GetAnnotations()[annotationUseCapacity], "true")
}
