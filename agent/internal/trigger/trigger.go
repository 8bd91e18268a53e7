package trigger

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/gennaker/gennaker/agent/internal/artifact"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// Event types.
const (
	Docker      = "docker"
	HelmOCI     = "helm/oci"
	Helm        = "helm"
	Build       = "build"
	Webhook     = "webhook"
	CDEvents    = "cdevents"
	Git         = "git"
	Pubsub      = "pubsub"
	Artifactory = "artifactory"
	Nexus       = "nexus"
	Plugin      = "plugin"
	Pipeline    = "pipeline"
	Cron        = "cron"
	Manual      = "manual"
)

// Event is something that may start pipelines.
type Event struct {
	ID   string `json:"id"`
	Type string `json:"type"`
	// Source is where it comes from, Name what it is about: master and job in Igor's form (folder/job/name), webhook
	// source, code host and project/slug, message system and subscription, repository search, id of the pipeline that
	// ended, id of the pipeline whose time has come and of its trigger.
	Source string `json:"source"`
	Name   string `json:"name,omitempty"`
	// Build is what Jenkins says of a finished build.
	Build *BuildInfo `json:"build,omitempty"`
	// Image is a tag in a registry, Chart a version of a chart in a Helm repository; Source is the account.
	Image *Image `json:"image,omitempty"`
	Chart *Chart `json:"chart,omitempty"`
	// Payload is a webhook's or message's whole body.
	Payload map[string]any `json:"payload,omitempty"`
	// Attributes are a CloudEvent's headers, by their canonical names, or a message's attributes.
	Attributes map[string][]string `json:"attributes,omitempty"`
	Change     *Change             `json:"change,omitempty"`
	Ended      *Ended              `json:"ended,omitempty"`
	Tick       *Tick               `json:"tick,omitempty"`
	// Artifacts are what the body was turned into where it lists none itself. ArtifactsError says why that failed.
	Artifacts      []spinnaker.Artifact `json:"artifacts,omitempty"`
	ArtifactsError string               `json:"artifactsError,omitempty"`
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
	// Reported says that the build is known from an event only: its master is none of the agent's.
	Reported bool `json:"reported,omitempty"`
}

// Facts are the things about an event that had to be looked up.
type Facts struct {
	// Properties is the content of the trigger's property file; nil when it could not be read.
	Properties map[string]any
	// PropertiesError says why there are no properties.
	PropertiesError string
	// Parent is the execution that ended; nil when it is no longer there.
	Parent *spinnaker.Execution
}

// Outcome of a rule.
type Outcome int

// The outcomes.
const (
	// Ignored: the trigger does not mean this event.
	Ignored Outcome = iota
	// Fires: the pipeline is to start with Fired.
	Fires
	// NeedsFacts: PropertyFile or the execution that ended must be looked up first.
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
	// User is for whom the execution runs when the trigger names no runAsUser.
	User string
}

// Key is what an event and the triggers that could mean it have in common. Triggers with a pattern of jobs have the key of their
// master without a name.
type Key struct {
	Type, Source, Name string
}

// KeyOf returns the key of a trigger; ok is false for types that no event of this version can fire, and for triggers that
// lack what their type needs.
func KeyOf(t spinnaker.Trigger) (key Key, ok bool) {
	switch t.Type() {
	case Docker, HelmOCI:
		key = Key{t.Type(), t.Text("account"), t.Text("repository")}
		return key, key.Source != "" && key.Name != ""
	case Helm:
		key = Key{Helm, t.Text("account"), ""}
	case "jenkins", "travis", "gitlab-ci", "concourse":
		key = Key{Build, t.Text("master"), buildJob(t)}
		ok = key.Source != "" && key.Name != ""
		if JobPattern(t) != "" {
			key.Name = ""
		}
		return key, ok
	case "webhook", "cdevents":
		key = Key{t.Type(), t.Text("source"), ""}
	case "git":
		return gitKey(t)
	case "pubsub":
		return pubsubKey(t)
	case "artifactory", "nexus":
		key = Key{t.Type(), t.Text(searchField(t.Type())), ""}
	case "plugin":
		key = Key{Plugin, pluginEventType(t.Text("pluginEventType")), ""}
	case "pipeline":
		key = Key{Pipeline, t.Text("pipeline"), ""}
	case "cron":
		return Key{Cron, "", t.Text("id")}, t.Text("id") != ""
	}
	return key, key.Source != ""
}

// Key returns the key of the triggers that could mean the event.
func (e Event) Key() Key {
	switch e.Type {
	case Build, Docker, HelmOCI:
		return Key{e.Type, e.Source, e.Name}
	case Git, Pubsub:
		return Key{e.Type, strings.ToLower(e.Source), strings.ToLower(e.Name)}
	case Cron:
		return Key{Cron, "", e.Name}
	default:
		return Key{e.Type, e.Source, ""}
	}
}

// Complete says what an event of its type lacks: the rules rely on it.
func (e Event) Complete() error {
	missing := ""
	switch {
	case e.Type == Build && e.Build == nil:
		missing = "build"
	case (e.Type == Docker || e.Type == HelmOCI) && e.Image == nil:
		missing = "image"
	case e.Type == Helm && e.Chart == nil:
		missing = "chart"
	case e.Type == Git && e.Change == nil:
		missing = "change"
	case e.Type == Pipeline && e.Ended == nil:
		missing = "execution"
	case e.Type == Cron && e.Tick == nil:
		missing = "time"
	default:
		return nil
	}
	return fmt.Errorf("an event of type %s that says nothing of its %s", e.Type, missing)
}

// Match decides on a trigger whose key is the event's. facts may be nil at first; when the answer is NeedsFacts, ask again
// with them.
func (a Armed) Match(event Event, facts *Facts) Verdict {
	pipeline, t := a.Pipeline, a.Trigger
	switch event.Type {
	case Build:
		return matchBuild(pipeline, t, event, facts, a.patterns)
	case Webhook:
		return matchWebhook(pipeline, t, event, a.patterns)
	case Docker, HelmOCI:
		return matchImage(pipeline, t, event)
	case Helm:
		return matchChart(pipeline, t, event)
	case CDEvents:
		return matchCDEvent(pipeline, t, event, a.patterns)
	case Git:
		return matchGit(pipeline, t, event, a.patterns)
	case Pubsub:
		return matchPubsub(pipeline, t, event, a.patterns)
	case Artifactory, Nexus:
		return matchRepository(pipeline, t, event)
	case Plugin:
		return matchPlugin(t, event)
	case Pipeline:
		return matchPipeline(pipeline, t, event, facts)
	case Cron:
		return matchCron(pipeline, t, event)
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

	patterns *patterns
}

// NewArmed makes an Armed that keeps what its patterns are compiled to.
func NewArmed(pipeline spinnaker.Pipeline, t spinnaker.Trigger, name string) Armed {
	return Armed{Pipeline: pipeline, Trigger: t, Name: name, patterns: &patterns{}}
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
	for key, value := range data {
		plain, err := plainOf(value)
		if err != nil {
			return fmt.Errorf("the event's %s is not JSON: %w", key, err)
		}
		if plain == nil {
			delete(t, key)
			continue
		}
		t[key] = plain
	}
	return nil
}

// asRead is a value that was read from JSON, and so is plain already: a body may be large.
type asRead struct{ value any }

func plainOf(value any) (any, error) {
	switch v := value.(type) {
	case nil:
		return nil, nil
	case asRead:
		return spinnaker.Clone(v.value), nil
	default:
		return spinnaker.Plain(value)
	}
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
