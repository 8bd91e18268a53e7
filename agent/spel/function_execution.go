package spel

import (
	"errors"
	"fmt"
	"slices"
)

// Functions over the execution (spinnaker/spinnaker orca-core
// pipeline/expressions/functions/*). Spinnaker passes them the execution as a
// hidden first argument; here it comes with the Env.
var executionFunctionTable = map[string]*function{
	"stage": define("Finds a stage by name or id", func(s *state, args []any) (any, error) {
		return findStage(s, args[0])
	}, Parameter{"nameOrId", "name or id of the stage", "String"}),

	"stageByRefId": define("Finds a stage by refId", func(s *state, args []any) (any, error) {
		stages, err := stagesOf(s)
		if err != nil {
			return nil, err
		}
		for _, st := range stages {
			if args[0] != nil && st.RefID == args[0] {
				return st, nil
			}
		}
		return nil, fmt.Errorf("the execution has no stage with refId %s", describe(args[0]))
	}, Parameter{"refId", "refId of the stage", "String"}),

	"stageExists": define("Reports whether there is a stage of that name or id", func(s *state, args []any) (any, error) {
		stages, err := stagesOf(s)
		return slices.ContainsFunc(stages, func(st *Stage) bool { return isNamed(st, args[0]) }), err
	}, Parameter{"nameOrId", "name or id of the stage", "String"}),

	"currentStage": define("The stage that is evaluated", func(s *state, _ []any) (any, error) {
		if s.env.Stage == nil {
			return nil, errors.New("there is no current stage here")
		}
		return s.env.Stage, nil
	}),

	"currentUser": define("The user the execution runs as", func(s *state, _ []any) (any, error) {
		if s.env.User == "" {
			return "anonymous", nil
		}
		return s.env.User, nil
	}),

	"judgment": define("The input chosen in a manual judgment", judgment,
		Parameter{"stageName", "name of the manual judgment stage", "String"}),
	"judgement": define("The input chosen in a manual judgment", judgment,
		Parameter{"stageName", "name of the manual judgment stage", "String"}),

	"triggerResolvedArtifact": define("The trigger's resolved artifact of a name", func(s *state, args []any) (any, error) {
		return boundArtifact(s, "name", args[0])
	}, Parameter{"name", "name of the artifact", "String"}),

	"triggerResolvedArtifactByType": define("The trigger's first resolved artifact of a type", func(s *state, args []any) (any, error) {
		return boundArtifact(s, "type", args[0])
	}, Parameter{"type", "type of the artifact", "String"}),

	"resolvedArtifacts": define("All artifacts that stages produced", func(s *state, _ []any) (any, error) {
		stages, err := stagesOf(s)
		all := []any{}
		for _, st := range stages {
			all = append(all, list(field(st.Outputs, "artifacts"))...)
		}
		return all, err
	}),

	"deployedServerGroups": define("The server groups that stages deployed", func(s *state, args []any) (any, error) {
		return deployedServerGroups(s, args[0].(*array).items)
	}, Parameter{"nameOrId", "names or ids of stages; all if none is given", "String..."}),

	"manifestLabelValue": define("A label of a deployed manifest's pod template", manifestLabelValue,
		Parameter{"stageName", "name of the Deploy (Manifest) stage", "String"},
		Parameter{"kind", "Deployment or ReplicaSet", "String"},
		Parameter{"labelKey", "key of the label", "String"}),

	"cfServiceKey": define("The service key that a Create Service Key stage made", cfServiceKey,
		Parameter{"nameOrId", "name or id of the stage", "String"}),
}

func stagesOf(s *state) ([]*Stage, error) {
	if s.env.Execution == nil {
		return nil, errors.New("there is no execution here")
	}
	s.env.resolved()
	return s.env.Execution.Stages, nil
}

func isNamed(st *Stage, nameOrID any) bool { return st.Name == nameOrID || st.ID == nameOrID }

func findStage(s *state, nameOrID any) (any, error) {
	stages, err := stagesOf(s)
	if err != nil {
		return nil, err
	}
	for _, st := range stages {
		if isNamed(st, nameOrID) {
			return st, nil
		}
	}
	var names []string
	for _, st := range stages {
		names = append(names, quote(st.Name))
	}
	wanted, ok := nameOrID.(string)
	if !ok {
		return nil, errors.New("the name or id of the stage is null")
	}
	return nil, fmt.Errorf("the execution has no stage %s; it has: %s", quote(wanted), nearest(quote(wanted), names))
}

// judgment looks for the name only, not for the id.
func judgment(s *state, args []any) (any, error) {
	stages, err := stagesOf(s)
	if err != nil {
		return nil, err
	}
	for _, st := range stages {
		if st.Name == args[0] && st.Type == "manualJudgment" {
			if input := st.context().read("judgmentInput"); input != nil {
				return input, nil
			}
		}
	}
	return nil, fmt.Errorf("there is no manual judgment %s with an input", describe(args[0]))
}

func boundArtifact(s *state, key string, wanted any) (any, error) {
	if s.env.Execution == nil {
		return nil, errors.New("there is no execution here")
	}
	s.env.resolved()
	for _, expected := range list(field(s.env.Execution.trigger, "resolvedExpectedArtifacts")) {
		if bound := field(normal(expected), "boundArtifact"); isMap(bound) && field(bound, key) == wanted {
			return artifact.of(bound), nil
		}
	}
	return nil, fmt.Errorf("the trigger has no resolved artifact whose %s is %s", key, describe(wanted))
}

// cfServiceKey is empty where there is none.
func cfServiceKey(s *state, args []any) (any, error) {
	stages, err := stagesOf(s)
	if err != nil {
		return nil, err
	}
	for _, st := range stages {
		if st.Type != "createServiceKey" || st.Status != "SUCCEEDED" || !isNamed(st, args[0]) {
			continue
		}
		task := first(st.context().read("kato.tasks"))
		return child(first(field(task, "resultObjects")), "serviceKey"), nil
	}
	return NewMap(0), nil
}

// first is the first element of a list, null if it has none.
func first(v any) any {
	if items := list(v); len(items) > 0 {
		return normal(items[0])
	}
	return nil
}

func manifestLabelValue(s *state, args []any) (any, error) {
	name, kind, label := args[0], args[1], args[2]
	if kind != "Deployment" && kind != "ReplicaSet" {
		return nil, fmt.Errorf("the kind must be Deployment or ReplicaSet, not %s", describe(kind))
	}
	stages, err := stagesOf(s)
	if err != nil {
		return nil, err
	}
	for _, st := range stages {
		if st.Name != name || st.Type != "deployManifest" || st.Status != "SUCCEEDED" {
			continue
		}
		for _, m := range list(st.context().read("outputs.manifests")) {
			if m = normal(m); field(m, "kind") != kind {
				continue
			}
			labels := child(child(child(child(m, "spec"), "template"), "metadata"), "labels")
			if v, ok := mapGet(labels, label); ok && v != nil {
				return v, nil
			}
			return nil, fmt.Errorf("the %s of stage %s has no label %s", kind, describe(name), describe(label))
		}
		return nil, fmt.Errorf("stage %s deployed no %s", describe(name), kind)
	}
	return nil, fmt.Errorf("there is no Deploy (Manifest) stage %s that succeeded", describe(name))
}

// deployTypes are the stages that deploy server groups.
var deployTypes = []string{"deploy", "createServerGroup", "cloneServerGroup", "rollingPush"}

func deployedServerGroups(s *state, wanted []any) (any, error) {
	stages, err := stagesOf(s)
	if err != nil {
		return nil, err
	}
	found := []any{}
	for _, st := range stages {
		c := st.context()
		groups, deployed := mapGet(c, "deploy.server.groups")
		chosen := len(wanted) == 0 || slices.ContainsFunc(wanted, func(w any) bool { return isNamed(st, w) })
		if !chosen || !slices.Contains(deployTypes, st.Type) || st.Status != "SUCCEEDED" || !deployed {
			continue
		}
		if region := deployRegion(c); region != nil {
			found = append(found, serverGroup(c, region, groups))
		}
	}
	return found, nil
}

// deployRegion is the stage's region, or the first that it has zones of.
func deployRegion(c *scope) any {
	if region := c.read("region"); region != nil {
		return region
	}
	for region := range mapEntries(c.read("availabilityZones")) {
		return region
	}
	return nil
}

func serverGroup(c *scope, region, groups any) *Map {
	d := NewMap(8)
	for _, name := range [...]string{"account", "capacity", "parentStage"} {
		d.Set(name, c.read(name))
	}
	d.Set("region", region)
	for _, details := range list(c.read("deploymentDetails")) {
		if details = normal(details); javaEquals(field(details, "region"), region) {
			for k, v := range mapEntries(details) {
				d.put(k, v)
			}
		}
	}
	inRegion, _ := mapGet(groups, region)
	if all := list(inRegion); len(all) > 0 {
		d.Set("serverGroup", all[0])
	}
	deployments := []any{}
	for _, task := range list(c.read("kato.tasks")) {
		for _, result := range list(field(normal(task), "resultObjects")) {
			deployments = append(deployments, list(field(normal(result), "deployments"))...)
		}
	}
	d.Set("deployments", deployments)
	return d
}
