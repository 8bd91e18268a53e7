package trigger

import (
	"fmt"
	"strconv"

	"github.com/gennaker/gennaker/agent/internal/artifact"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// Event types.
const (
	Build   = "build"
	Webhook = "webhook"
	Docker  = "docker"
	HelmOCI = "helm/oci"
	Helm    = "helm"
	Manual  = "manual"
)

// Event is something that may start pipelines.
type Event struct {
	ID string `json:"id"`
	// Type is Build, Webhook or Manual.
	Type string `json:"type"`
	// Source is the Jenkins master or the webhook's source; Name is the job in Igor's form (folder/job/name).
	Source string `json:"source"`
	Name   string `json:"name,omitempty"`
	// Build is what Jenkins says of a finished build.
	Build *BuildInfo `json:"build,omitempty"`
	// Image is a tag in a registry, Chart a version of a chart in a Helm repository; Source is the account.
	Image *Image `json:"image,omitempty"`
	Chart *Chart `json:"chart,omitempty"`
	// Payload is a webhook's whole body.
	Payload map[string]any `json:"payload,omitempty"`
}

// BuildInfo is a finished build in the form pipelines see it as `trigger.buildInfo`.
type BuildInfo struct {
	Number int64  `json:"number"`
	Result string `json:"result"`
	URL    string `json:"url"`
	// Info is Igor's build status (spinnaker/spinnaker igor/igor-web GenericBuild).
	Info map[string]any `json:"info"`
	// Artifacts are the build's archived files as artifacts of type jenkins/file.
	Artifacts []spinnaker.Artifact `json:"artifacts,omitempty"`
	// Incomplete says why Info and Artifacts lack what only the build's details tell; empty when they have it.
	Incomplete string `json:"incomplete,omitempty"`
}

// Facts are the things about an event that had to be looked up.
type Facts struct {
	// Properties is the content of the trigger's property file; nil when it could not be read.
	Properties map[string]any
	// PropertiesError says why there are no properties.
	PropertiesError string
}

// Outcome of a rule.
type Outcome int

// The outcomes.
const (
	// Ignored: the trigger does not mean this event.
	Ignored Outcome = iota
	// Fires: the pipeline is to start with Fired.
	Fires
	// NeedsFacts: PropertyFile must be looked up first.
	NeedsFacts
	// Refused: the trigger means the event but the start must fail.
	Refused
)

// Verdict is what a trigger makes of an event.
type Verdict struct {
	Outcome Outcome
	// Reason names the values compared.
	Reason string
	// Fired is the trigger with what it fired on.
	Fired spinnaker.Trigger
	// PropertyFile is what NeedsFacts needs.
	PropertyFile string
}

// Key is what an event and the triggers that could mean it have in common.
type Key struct {
	Type, Source, Name string
}

// KeyOf returns the key of a trigger; ok is false for types that no event of this version can fire.
func KeyOf(t spinnaker.Trigger) (key Key, ok bool) {
	switch t.Type() {
	case "jenkins":
		return Key{Build, t.Text("master"), t.Text("job")}, true
	case "webhook":
		return Key{Webhook, t.Text("source"), ""}, true
	case Docker, HelmOCI:
		key = Key{t.Type(), t.Text("account"), t.Text("repository")}
		return key, key.Source != "" && key.Name != ""
	case Helm:
		return Key{Helm, t.Text("account"), ""}, t.Text("account") != ""
	default:
		return Key{}, false
	}
}

// Key returns the key of the triggers that could mean the event.
func (e Event) Key() Key {
	if e.Type == Helm {
		return Key{Helm, e.Source, ""}
	}
	return Key{e.Type, e.Source, e.Name}
}

// Match decides on one enabled trigger of a pipeline whose key is the event's. facts may be nil at first; when the
// answer is NeedsFacts, ask again with them.
func Match(pipeline spinnaker.Pipeline, t spinnaker.Trigger, event Event, facts *Facts) Verdict {
	switch event.Type {
	case Build:
		return matchBuild(pipeline, t, event, facts)
	case Webhook:
		return matchWebhook(pipeline, t, event)
	case Docker, HelmOCI:
		return matchImage(pipeline, t, event)
	case Helm:
		return matchChart(pipeline, t, event)
	default:
		return ignored("no trigger rule for events of type %q", event.Type)
	}
}

// Armed is an enabled trigger of a pipeline that is not disabled.
type Armed struct {
	Pipeline spinnaker.Pipeline
	Trigger  spinnaker.Trigger
	// Name identifies the trigger within its pipeline.
	Name string
}

// Name identifies a trigger within its pipeline: its id, or its position as "#0".
func Name(t spinnaker.Trigger, position int) string {
	if id := t.Text("id"); id != "" {
		return id
	}
	return "#" + strconv.Itoa(position)
}

func ignored(format string, args ...any) Verdict {
	return Verdict{Outcome: Ignored, Reason: fmt.Sprintf(format, args...)}
}

// fires is the verdict of a trigger that fires: a copy of it with run data added; a nil value removes a member.
func fires(outcome Outcome, reason string, t spinnaker.Trigger, event Event, data map[string]any) Verdict {
	fired := spinnaker.Clone(t)
	fired["eventId"] = event.ID
	if err := add(fired, data); err != nil {
		return ignored("%v", err)
	}
	return Verdict{Outcome: outcome, Reason: reason, Fired: fired}
}

// add sets members of a trigger, as plain JSON values; a nil value removes a member.
func add(t spinnaker.Trigger, data map[string]any) error {
	plain, err := spinnaker.Plain(data)
	if err != nil {
		return fmt.Errorf("the event's data are not JSON: %w", err)
	}
	for key, value := range plain.(map[string]any) {
		if value == nil {
			delete(t, key)
			continue
		}
		t[key] = value
	}
	return nil
}

// artifactConstraint applies a trigger's expectedArtifactIds: at least one of the listed expected artifacts must be met
// by an artifact of the event. Completeness is judged when the execution is launched.
//
// Source: spinnaker/spinnaker echo/echo-pipelinetriggers artifacts/ArtifactMatcher.java.
func artifactConstraint(pipeline spinnaker.Pipeline, t spinnaker.Trigger, artifacts []spinnaker.Artifact) (ok bool, reason string) {
	ids := t.Texts("expectedArtifactIds")
	if len(ids) == 0 {
		return true, ""
	}
	for _, id := range ids {
		for _, expected := range pipeline.ExpectedArtifacts {
			if expected.ID != id || expected.MatchArtifact == nil {
				continue
			}
			for _, candidate := range artifacts {
				if matches, err := artifact.Matches(*expected.MatchArtifact, candidate); err != nil {
					return false, fmt.Sprintf("expected artifact %q: %v", id, err)
				} else if matches {
					return true, ""
				}
			}
		}
	}
	return false, fmt.Sprintf("none of the event's %d artifacts %s meets an expected artifact of the trigger %q",
		len(artifacts), describeArtifacts(artifacts), ids)
}

// describeArtifacts names up to five artifacts.
func describeArtifacts(artifacts []spinnaker.Artifact) string {
	const most = 5
	var names []string
	for _, a := range artifacts[:min(len(artifacts), most)] {
		names = append(names, a.Type+" "+a.Name+" "+a.Reference)
	}
	if len(artifacts) > most {
		names = append(names, "…")
	}
	return fmt.Sprintf("%q", names)
}
