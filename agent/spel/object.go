package spel

import (
	"slices"
	"strings"
)

// javaObject is a value that is an object of a Java class in Spinnaker: what
// can be read from it and called on it is fixed.
type javaObject interface {
	javaClass() string // the class's simple name
	text() string      // what toString() gives
}

// bean is a javaObject with getters.
type bean interface {
	javaObject
	getter(name string) (any, bool)
	getters() []string
}

// objectKind names a Java class whose objects are views of JSON data; what can
// be read from them stands in objectGetters.
type objectKind string

// object is a view of JSON data as a Java object.
type object struct {
	kind objectKind
	data any
}

// of views a map, null for anything else.
func (k objectKind) of(data any) any {
	if data = normal(data); !isMap(data) {
		return nil
	}
	return &object{k, data}
}

// all views each element of a list.
func (k objectKind) all(data any) any {
	out := []any{}
	for _, d := range list(data) {
		out = append(out, k.of(d))
	}
	return out
}

func (o *object) javaClass() string { return string(o.kind) }
func (o *object) text() string      { return toString(o) }

func (o *object) getter(name string) (any, bool) {
	get, ok := objectGetters[o.kind][name]
	if !ok {
		return nil, false
	}
	return get(o.data), true
}

func (o *object) getters() []string { return sortedNames(objectGetters[o.kind]) }

func sortedNames[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// same reads the field of the getter's name, with a default for null.
func same(name string, otherwise any) func(any) any {
	return func(data any) any {
		if v := field(data, name); v != nil {
			return v
		}
		return otherwise
	}
}

// fieldsNamed makes getters that read the field of their name.
func fieldsNamed(names ...string) map[string]func(any) any {
	m := make(map[string]func(any) any, len(names))
	for _, name := range names {
		m[name] = same(name, nil)
	}
	return m
}

// with adds getters.
func with(base map[string]func(any) any, more map[string]func(any) any) map[string]func(any) any {
	for name, get := range more {
		base[name] = get
	}
	return base
}

// long reads a number as Java's Long.
func long(name string) func(any) any {
	return func(data any) any {
		if v, err := convert(field(data, name), typeLong); err == nil {
			return v
		}
		return nil
	}
}

func childOf(name string, kind objectKind) func(any) any {
	return func(data any) any { return kind.of(field(data, name)) }
}

func childrenOf(name string, kind objectKind) func(any) any {
	return func(data any) any { return kind.all(field(data, name)) }
}

// The classes of triggers and artifacts.
const (
	sourceControl    objectKind = "SourceControl"
	artifact         objectKind = "Artifact"
	expectedArtifact objectKind = "ExpectedArtifact"
	jenkinsArtifact  objectKind = "JenkinsArtifact"
	buildInfo        objectKind = "BuildInfo"
	plainTrigger     objectKind = "DefaultTrigger"
	jenkinsTrigger   objectKind = "JenkinsTrigger"
	dockerTrigger    objectKind = "DockerTrigger"
	gitTrigger       objectKind = "GitTrigger"
	pipelineTrigger  objectKind = "PipelineTrigger"
	authentication   objectKind = "AuthenticationDetails"
	paused           objectKind = "PausedDetails"
)

// objectGetters is what the allow-list shows of them (spinnaker/spinnaker
// orca-api pipeline/models/Trigger.java, orca-core pipeline/model, kork-artifacts
// Artifact.java).
var objectGetters = map[objectKind]map[string]func(data any) any{
	sourceControl:   fieldsNamed("name", "branch", "sha1"),
	jenkinsArtifact: fieldsNamed("fileName", "relativePath"),
	artifact: with(
		fieldsNamed("type", "name", "version", "location", "reference", "artifactAccount", "provenance", "uuid"),
		map[string]func(any) any{
			"customKind": same("customKind", false),
			"metadata":   func(data any) any { return child(data, "metadata") },
		}),
	expectedArtifact: with(fieldsNamed("id"), map[string]func(any) any{
		"usePriorArtifact":   same("usePriorArtifact", false),
		"useDefaultArtifact": same("useDefaultArtifact", false),
		"matchArtifact":      childOf("matchArtifact", artifact),
		"boundArtifact":      childOf("boundArtifact", artifact),
		"defaultArtifact":    childOf("defaultArtifact", artifact),
	}),
	buildInfo: with(fieldsNamed("name", "number", "url", "result", "timestamp"), map[string]func(any) any{
		"building":        same("building", false),
		"fullDisplayName": fullDisplayName,
		"artifacts":       childrenOf("artifacts", jenkinsArtifact),
		"scm":             childrenOf("scm", sourceControl),
	}),
	plainTrigger: commonTrigger(),
	jenkinsTrigger: with(with(commonTrigger(), fieldsNamed("master", "job", "buildNumber", "propertyFile")), map[string]func(any) any{
		"buildInfo":  childOf("buildInfo", buildInfo),
		"properties": func(data any) any { return child(data, "properties") },
	}),
	dockerTrigger:   with(commonTrigger(), fieldsNamed("account", "repository", "tag")),
	gitTrigger:      with(commonTrigger(), fieldsNamed("hash", "source", "project", "branch", "slug", "action")),
	pipelineTrigger: with(commonTrigger(), fieldsNamed("parentExecution", "parentPipelineStageId")),
	authentication: with(fieldsNamed("user"), map[string]func(any) any{
		"allowedAccounts": func(data any) any { return &set{items: list(field(data, "allowedAccounts"))} },
	}),
	paused: with(fieldsNamed("pausedBy", "resumedBy"), map[string]func(any) any{
		"pauseTime":  long("pauseTime"),
		"resumeTime": long("resumeTime"),
		"paused":     func(data any) any { return field(data, "pauseTime") != nil && field(data, "resumeTime") == nil },
		"pausedMs":   pausedMs,
	}),
}

func pausedMs(data any) any {
	from, paused := long("pauseTime")(data).(int64)
	to, resumed := long("resumeTime")(data).(int64)
	if !paused || !resumed {
		return int64(0)
	}
	return to - from
}

func commonTrigger() map[string]func(any) any {
	return with(fieldsNamed("type", "user", "correlationId"), map[string]func(any) any{
		"parameters":                func(data any) any { return child(data, "parameters") },
		"notifications":             same("notifications", []any{}),
		"rebake":                    same("rebake", false),
		"dryRun":                    same("dryRun", false),
		"strategy":                  same("strategy", false),
		"artifacts":                 childrenOf("artifacts", artifact),
		"resolvedExpectedArtifacts": childrenOf("resolvedExpectedArtifacts", expectedArtifact),
		"other":                     func(data any) any { return data },
	})
}

func fullDisplayName(data any) any {
	if v := field(data, "fullDisplayName"); v != nil {
		return v
	}
	return toString(field(data, "name")) + "#" + toString(field(data, "number"))
}

// triggerObject is execution.trigger: the fields there are decide its kind.
func triggerObject(data any) any {
	has := func(names ...string) bool {
		return !slices.ContainsFunc(names, func(name string) bool { return field(data, name) == nil })
	}
	switch {
	case isJenkins(data):
		return jenkinsTrigger.of(data)
	case has("account", "repository", "tag"):
		return dockerTrigger.of(data)
	case has("hash", "source", "project", "branch", "slug"):
		return gitTrigger.of(data)
	case has("parentExecution"):
		return pipelineTrigger.of(data)
	}
	return plainTrigger.of(data)
}

// status is Orca's ExecutionStatus: an enum that is also a character sequence.
type status string

func (s status) javaClass() string { return "ExecutionStatus" }
func (s status) text() string      { return string(s) }

var statusGetters = map[string][]status{
	"complete":   {"CANCELED", "SUCCEEDED", "STOPPED", "SKIPPED", "TERMINAL", "FAILED_CONTINUE"},
	"halt":       {"TERMINAL", "CANCELED", "STOPPED"},
	"skipped":    {"SKIPPED"},
	"successful": {"SUCCEEDED", "STOPPED", "SKIPPED"},
	"failure":    {"TERMINAL", "STOPPED", "FAILED_CONTINUE"},
}

func (s status) getter(name string) (any, bool) {
	if in, ok := statusGetters[name]; ok {
		return slices.Contains(in, s), true
	}
	return nil, false
}

// statuses are Orca's ExecutionStatus in their order.
var statuses = []status{"NOT_STARTED", "RUNNING", "PAUSED", "SUSPENDED", "SUCCEEDED", "FAILED_CONTINUE", "TERMINAL",
	"CANCELED", "REDIRECT", "STOPPED", "SKIPPED", "BUFFERED"}

func (s status) ordinal() int { return slices.Index(statuses, s) }

func (s status) compareTo(other any) (int, bool) {
	o, ok := other.(status)
	return s.ordinal() - o.ordinal(), ok
}

func (s status) getters() []string { return sortedNames(statusGetters) }

func statusOf(name string) status {
	if name == "" {
		return "NOT_STARTED"
	}
	return status(strings.ToUpper(name))
}
