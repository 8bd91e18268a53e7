package spel_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/gennaker/gennaker/agent/spel"
)

// deployment is an execution with a stage that has run and one that runs.
func deployment() *spel.Execution {
	return &spel.Execution{
		ID:            "01J",
		Application:   "shipit",
		SpelEvaluator: "v4",
		Trigger:       map[string]any{"type": "jenkins", "properties": map[string]any{"imageName": "shipit:1.4.2", "semVer": "1.4.2"}},
		Stages: []*spel.Stage{
			{ID: "bake", RefID: "1", Name: "Bake", Status: "SUCCEEDED", Outputs: map[string]any{"manifestName": "bundle"}},
			{ID: "deploy", RefID: "2", Name: "Deploy", Status: "RUNNING", RequisiteStageRefIDs: []string{"1"}},
		},
	}
}

func Example() {
	engine := spel.New(spel.Config{})
	ex := deployment()
	env := &spel.Env{Execution: ex, Stage: ex.StageByID("deploy"), User: "ann"}

	v, err := engine.Eval(context.Background(), "trigger.properties.imageName.split(':')[1]", env)
	fmt.Println(v.Plain())
	fmt.Println(err)
	// Output:
	// 1.4.2 <nil>
	// <nil>
}

// A document keeps what cannot be evaluated, and the summary says why.
func ExampleEngine_EvalDocument() {
	engine := spel.New(spel.Config{})
	ex := deployment()
	env := &spel.Env{Execution: ex, Stage: ex.StageByID("deploy")}

	out, summary := engine.EvalDocument(context.Background(), map[string]any{
		"image":   "${trigger['properties']['imageName']}",
		"bundle":  "${#stage('Bake').outputs.manifestName}.yaml",
		"version": "${trigger.properties.semver}",
	}, env)
	fmt.Println(out)
	for _, w := range summary.Warnings {
		fmt.Println(w)
	}
	// Output:
	// map[bundle:bundle.yaml image:shipit:1.4.2 version:${trigger.properties.semver}]
	// version: trigger.properties has no "semver"; it has: semVer, imageName
}

// Errors say where they are.
func ExampleError_Detail() {
	engine := spel.New(spel.Config{})
	_, err := engine.Eval(context.Background(), "1 + trigger.build.number", &spel.Env{Root: map[string]any{"trigger": map[string]any{"buildInfo": nil}}})
	var e *spel.Error
	if errors.As(err, &e) {
		fmt.Println(e.Detail())
	}
	// Output:
	// EL1007E: trigger.build is null, so it has no "number": trigger has no "build"; it has: buildInfo; write "?." or "?:" if it may be missing
	//   at line 1, column 19:
	//     1 + trigger.build.number
	//                       ^
}
