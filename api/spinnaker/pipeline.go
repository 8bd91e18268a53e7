package spinnaker

import (
	"encoding/json"
	"fmt"
	"slices"
)

// Pipeline is a pipeline configuration. Document holds everything it was saved with; the other fields are the part
// that the agent gives a meaning to, read from it.
//
// Source: spinnaker/spinnaker front50/front50-api model/pipeline/Pipeline.java.
type Pipeline struct {
	ID                      string
	Application             string
	Name                    string
	Type                    string
	Disabled                bool
	Index                   *int
	Stages                  []StageConfig
	Triggers                []Trigger
	ExpectedArtifacts       []ExpectedArtifact
	Parameters              []Parameter
	Notifications           []any
	LimitConcurrent         bool
	MaxConcurrentExecutions int
	KeepWaitingPipelines    bool
	SpelEvaluator           string
	StartTimeExpiry         Millis
	UpdateTS                string

	Document map[string]any
}

// Parameter is an entry of a pipeline's parameterConfig.
type Parameter struct {
	Name     string `json:"name"`
	Required bool   `json:"required"`
	Default  any    `json:"default"`
}

// UnmarshalJSON reads a parameter.
func (p *Parameter) UnmarshalJSON(data []byte) error {
	type plain Parameter
	_, err := readMembers(data, (*plain)(p))
	return err
}

// pipelineFields is the decoded part of a Pipeline.
type pipelineFields struct {
	ID                      string             `json:"id"`
	Application             string             `json:"application"`
	Name                    string             `json:"name"`
	Type                    string             `json:"type"`
	Disabled                bool               `json:"disabled"`
	Index                   *int               `json:"index"`
	Stages                  []StageConfig      `json:"stages"`
	Triggers                []Trigger          `json:"triggers"`
	ExpectedArtifacts       []ExpectedArtifact `json:"expectedArtifacts"`
	Parameters              []Parameter        `json:"parameterConfig"`
	Notifications           []any              `json:"notifications"`
	LimitConcurrent         bool               `json:"limitConcurrent"`
	MaxConcurrentExecutions int                `json:"maxConcurrentExecutions"`
	KeepWaitingPipelines    bool               `json:"keepWaitingPipelines"`
	SpelEvaluator           string             `json:"spelEvaluator"`
	StartTimeExpiry         Millis             `json:"startTimeExpiry"`
	UpdateTS                string             `json:"updateTs"`
}

// PipelineOf reads the typed part of document. The error names the member and what was expected there.
func PipelineOf(document map[string]any) (Pipeline, error) {
	data, err := json.Marshal(document)
	if err != nil {
		return Pipeline{}, err
	}
	var p Pipeline
	err = p.UnmarshalJSON(data)
	return p, err
}

// UnmarshalJSON reads a pipeline configuration.
func (p *Pipeline) UnmarshalJSON(data []byte) error {
	var document map[string]any
	if err := Decode(data, &document); err != nil {
		return fmt.Errorf("pipeline: %w", err)
	}
	var f pipelineFields
	if _, err := readMembers(data, &f); err != nil {
		return fmt.Errorf("pipeline: %w", err)
	}
	*p = Pipeline{
		ID: f.ID, Application: f.Application, Name: f.Name, Type: f.Type, Disabled: f.Disabled, Index: f.Index,
		Stages: f.Stages, Triggers: f.Triggers, ExpectedArtifacts: f.ExpectedArtifacts, Parameters: f.Parameters,
		Notifications: f.Notifications, LimitConcurrent: f.LimitConcurrent,
		MaxConcurrentExecutions: f.MaxConcurrentExecutions, KeepWaitingPipelines: f.KeepWaitingPipelines,
		SpelEvaluator: f.SpelEvaluator, StartTimeExpiry: f.StartTimeExpiry,
		UpdateTS: f.UpdateTS, Document: document,
	}
	return nil
}

// MarshalJSON writes the whole document, keys sorted.
func (p Pipeline) MarshalJSON() ([]byte, error) { return json.Marshal(p.Document) }

// With returns a copy of the pipeline with members of its document set; a nil value removes a member.
func (p Pipeline) With(members map[string]any) (Pipeline, error) {
	document := Clone(p.Document)
	if document == nil {
		document = map[string]any{}
	}
	for key, value := range members {
		if value == nil {
			delete(document, key)
			continue
		}
		document[key] = value
	}
	return PipelineOf(document)
}

// StageConfig is a stage of a pipeline configuration: what the engine gives a meaning to, and Context, which is all
// the rest and what the stage itself and expressions see.
type StageConfig struct {
	RefID      string
	Type       string
	Alias      string
	Name       string
	Requisites []string
	Context    map[string]any
}

// UnmarshalJSON reads a stage. refId may be a text or a number. What is neither stays in the context, for Problem to tell.
func (s *StageConfig) UnmarshalJSON(data []byte) error {
	var object map[string]any
	if err := Decode(data, &object); err != nil {
		return fmt.Errorf("stage: %w", err)
	}
	*s = StageConfig{
		RefID: text(object, refIDKey), Type: text(object, "type"), Alias: text(object, "alias"),
		Name: text(object, "name"), Requisites: texts(object, requisitesKey),
	}
	delete(object, "type")
	delete(object, "name")
	if isRef(object[refIDKey]) {
		delete(object, refIDKey)
	}
	if areRefs(object[requisitesKey]) {
		delete(object, requisitesKey)
	}
	s.Context = object
	return nil
}

const (
	refIDKey      = "refId"
	requisitesKey = "requisiteStageRefIds"
)

// isRef says whether a JSON value may be a refId, or is absent.
func isRef(value any) bool {
	switch value.(type) {
	case nil, string, json.Number:
		return true
	default:
		return false
	}
}

// areRefs says whether a JSON value is a list of refIds, or is absent.
func areRefs(value any) bool {
	list, isList := value.([]any)
	return value == nil || isList && !slices.ContainsFunc(list, func(item any) bool { return item == nil || !isRef(item) })
}

// Problem says why a stage has no place among the others, or "": its references are not such. It would run out of turn.
func (s StageConfig) Problem() string {
	if value, odd := s.Context[refIDKey]; odd {
		return fmt.Sprintf("%s: found %s, expected a text or a number", refIDKey, shown(value))
	}
	if value, odd := s.Context[requisitesKey]; odd {
		return fmt.Sprintf("%s: found %s, expected a list of refIds", requisitesKey, shown(value))
	}
	return ""
}

// shown is the beginning of a JSON value as messages show it.
func shown(value any) string {
	data, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return fmt.Sprintf("%.100s", data)
}
