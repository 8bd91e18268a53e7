package cli

import (
	"context"
	"fmt"
	"iter"
	"regexp"
	"strconv"
	"strings"

	"github.com/gennaker/gennaker/agent/spel"
)

// place is a text with expressions somewhere in a document.
type place struct {
	// path such as stages[0].overrides["image.repository"].
	path, text string
	// stage is the index of the stage that the text belongs to; -1 for none.
	stage int
}

// places finds the texts with expressions in a document, keys too, in their order.
func places(document any) iter.Seq[place] {
	return func(yield func(place) bool) { walk(place{stage: -1}, document, yield) }
}

// walk visits the texts in a value and says whether to go on.
func walk(at place, value any, yield func(place) bool) bool {
	switch v := value.(type) {
	case string:
		at.text = v
		return !strings.Contains(v, "${") || yield(at)
	case []any:
		for i, item := range v {
			inner := place{path: fmt.Sprintf("%s[%d]", at.path, i), stage: at.stage}
			if at.path == "stages" {
				inner.stage = i
			}
			if !walk(inner, item, yield) {
				return false
			}
		}
	case *spel.Map:
		for key, item := range v.All() {
			name := fmt.Sprint(key)
			inner := place{path: member(at.path, name), stage: at.stage}
			if strings.Contains(name, "${") && !yield(place{"key of " + inner.path, name, at.stage}) {
				return false
			}
			if !walk(inner, item, yield) {
				return false
			}
		}
	}
	return true
}

// plainName is a name that a path shows without quotes.
var plainName = regexp.MustCompile(`^[\pL_$][\pL\pN_$]*$`)

// member is the path of an object's member.
func member(path, name string) string {
	switch {
	case !plainName.MatchString(name):
		return path + "[" + strconv.Quote(name) + "]"
	case path == "":
		return name
	default:
		return path + "." + name
	}
}

// envs are what the texts of a document see without an agent.
type envs struct {
	whole  *spel.Env
	stages []*spel.Env
}

// newEnvs makes the environments of a document, which may be nil, from the names in root, which may be nil, too.
func newEnvs(root, document any) envs {
	fields, isObject := root.(*spel.Map)
	if root == nil {
		fields, isObject = spel.NewMap(0), true
	}
	if !isObject {
		return envs{whole: &spel.Env{Root: root}}
	}
	trigger, _ := fields.Get("trigger")
	variables, _ := fields.Get("templateVariables")
	e := envs{whole: &spel.Env{Root: fields}}
	if trigger != nil {
		e.whole.Root = spel.PipelineRoot(fields)
	}
	pipeline, _ := document.(*spel.Map)
	if pipeline == nil {
		return e
	}
	list, _ := pipeline.Get("stages")
	stages, _ := list.([]any)
	execution := &spel.Execution{SpelEvaluator: "v4", Trigger: trigger, TemplateVariables: variables}
	for _, item := range stages {
		stage := stageView(item)
		execution.Stages = append(execution.Stages, stage)
		e.stages = append(e.stages, &spel.Env{Execution: execution, Stage: stage, Root: fields})
	}
	return e
}

// stageView is a stage of a pipeline as its expressions see it before anything has run.
func stageView(configured any) *spel.Stage {
	fields, _ := configured.(*spel.Map)
	if fields == nil {
		return &spel.Stage{}
	}
	text := func(key string) string {
		value, _ := fields.Get(key)
		text, _ := value.(string)
		return text
	}
	stage := &spel.Stage{ID: text("refId"), RefID: text("refId"), Type: text("type"), Name: text("name"), Context: fields}
	requisites, _ := fields.Get("requisiteStageRefIds")
	list, _ := requisites.([]any)
	for _, item := range list {
		if ref, ok := item.(string); ok {
			stage.RequisiteStageRefIDs = append(stage.RequisiteStageRefIDs, ref)
		}
	}
	return stage
}

// evaluator evaluates in this process.
func (e envs) evaluator(engine *spel.Engine) evaluator {
	return func(ctx context.Context, p place) (evaluated, error) {
		env := e.whole
		if p.stage >= 0 && p.stage < len(e.stages) {
			env = e.stages[p.stage]
		}
		return evaluateHere(ctx, engine, p.text, env)
	}
}
