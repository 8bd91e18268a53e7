package jenkinstest

import (
	"strconv"
	"strings"
	"time"
)

// view renders the model for one request.
type view struct {
	s    *Server
	who  who
	base string // root address for url fields, with a slash at the end
	now  time.Time
}

// fields parses "name:visibility name …"; visibility 1 may be left out.
func fields(spec string) []field {
	var all []field
	for word := range strings.FieldsSeq(spec) {
		name, text, given := strings.Cut(word, ":")
		visibility := 1
		if given {
			n, err := strconv.Atoi(text)
			if err != nil {
				panic(err)
			}
			visibility = n
		}
		all = append(all, field{name, visibility})
	}
	return all
}

const always = ":999"

// shapes are Jenkins' classes that occur often; a server makes them once.
type shapes struct {
	root, freestyle, pipeline, folder, multiBranch     *shape
	freestyleBuild, workflowBuild, reference           *shape
	artifact, parametersAction, causeAction, buildData *shape
	empty, allView, left, waiting, blocked, buildable  *shape
}

const (
	jobSpec   = "actions description displayName displayNameOrNull fullDisplayName fullName name:3 url" + always
	runsSpec  = " allBuilds:-2 buildable builds color:2 firstBuild healthReport inQueue keepDependencies lastBuild lastCompletedBuild lastFailedBuild lastStableBuild lastSuccessfulBuild lastUnstableBuild lastUnsuccessfulBuild nextBuildNumber property queueItem"
	buildSpec = "actions artifacts building description displayName duration estimatedDuration executor fullDisplayName id"
	queueSpec = "actions" + always + " blocked" + always + " buildable" + always + " id" + always + " inQueueSince" + always +
		" params" + always + " stuck" + always + " task" + always + " url" + always + " why" + always
)

// newShape makes a shape of a specification as fields reads it.
func newShape(class, spec string) *shape { return &shape{class: class, fields: fields(spec)} }

func newShapes() *shapes {
	return &shapes{
		root:        newShape("hudson.model.Hudson", "assignedLabels mode nodeDescription nodeName numExecutors description jobs overallLoad primaryView quietDownReason quietingDown slaveAgentPort unlabeledLoad url:2 useCrumbs useSecurity views"),
		freestyle:   newShape("hudson.model.FreeStyleProject", jobSpec+runsSpec+" concurrentBuild disabled downstreamProjects labelExpression scm upstreamProjects"),
		pipeline:    newShape("org.jenkinsci.plugins.workflow.job.WorkflowJob", jobSpec+runsSpec+" concurrentBuild resumeBlocked"),
		folder:      newShape("com.cloudbees.hudson.plugins.folder.Folder", jobSpec+" healthReport jobs primaryView views"),
		multiBranch: newShape("org.jenkinsci.plugins.workflow.multibranch.WorkflowMultiBranchProject", jobSpec+" healthReport jobs primaryView views sources"),

		freestyleBuild: newShape("hudson.model.FreeStyleBuild", buildSpec+" inProgress keepLog number:2 queueId result timestamp url:2 builtOn changeSet culprits"),
		workflowBuild:  newShape("org.jenkinsci.plugins.workflow.job.WorkflowRun", buildSpec+" keepLog number:2 queueId result timestamp url:2 changeSets culprits inProgress nextBuild previousBuild"),

		reference: newShape("", "number:2 url:2"),

		artifact:         newShape("", "displayPath:3 fileName:3 relativePath:3"),
		parametersAction: newShape("hudson.model.ParametersAction", "parameters:2"),
		causeAction:      newShape("hudson.model.CauseAction", "causes:2"),
		buildData:        newShape("hudson.plugins.git.util.BuildData", "buildsByBranchName"+always+" lastBuiltRevision"+always+" remoteUrls"+always+" scmName"+always),
		empty:            newShape("", ""),
		allView:          newShape("hudson.model.AllView", "name:3 url:2"),
		waiting:          newShape(waiting.class(), queueSpec+" timestamp"+always),
		blocked:          newShape(blocked.class(), queueSpec+" buildableStartMilliseconds"+always),
		buildable:        newShape(buildable.class(), queueSpec+" buildableStartMilliseconds"+always+" pending"+always),
		left:             newShape(left.class(), queueSpec+" cancelled"+always+" executable"+always),
	}
}

// fixed is an object of given values, in the order of the shape.
func fixed(class, spec string, values ...any) *object {
	s := newShape(class, spec)
	return &object{s, func(name string) any {
		for i, f := range s.fields {
			if f.name == name {
				return values[i]
			}
		}
		return nil
	}}
}

func (v view) nothing() *object {
	return &object{v.s.shapes.empty, func(string) any { return nil }}
}

func listOf[T any](elements []T, show func(T) any) list {
	return list{len(elements), func(i int) any { return show(elements[i]) }}
}

func millis(t time.Time) int64 { return t.UnixMilli() }

// textOrNull is null for "".
func textOrNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func (v view) root() *object {
	return &object{v.s.shapes.root, func(name string) any {
		switch name {
		case "assignedLabels":
			return list{1, func(int) any { return fixed("", "name"+always, "built-in") }}
		case "mode":
			return "NORMAL"
		case "nodeDescription":
			return "the Jenkins controller's built-in node"
		case "nodeName":
			return ""
		case "numExecutors":
			return max(v.s.opts.Executors, 0)
		case "jobs":
			return v.children(v.s.root)
		case "overallLoad":
			return v.nothing()
		case "unlabeledLoad":
			return fixed("jenkins.model.UnlabeledLoadStatistics", "")
		case "primaryView":
			return v.allView(v.base)
		case "views":
			return list{1, func(int) any { return v.allView(v.base) }}
		case "quietingDown":
			return v.s.quieting
		case "slaveAgentPort":
			return 0
		case "url":
			return textOrNull(v.s.opts.RootURL)
		case "useCrumbs":
			return !v.s.opts.NoCrumbs
		case "useSecurity":
			return !v.s.opts.NoSecurity
		default: // description, quietDownReason
			return nil
		}
	}}
}

func (v view) allView(url string) *object {
	return &object{v.s.shapes.allView, func(name string) any {
		if name == "name" {
			return "all"
		}
		return url
	}}
}

// children are the items of a folder that the user may see.
func (v view) children(folder *item) list {
	seen := make([]*item, 0, len(folder.children))
	for _, c := range folder.children {
		if v.s.may(v.who, JobRead, c) {
			seen = append(seen, c)
		}
	}
	return listOf(seen, func(it *item) any { return v.item(it) })
}

func (v view) url(it *item) string { return v.base + it.path() }

// item shows a job or folder.
func (v view) item(it *item) *object {
	if it.isFolder() {
		return v.folder(it)
	}
	kind := v.s.shapes.freestyle
	if it.kind == Pipeline {
		kind = v.s.shapes.pipeline
	}
	return &object{kind, func(name string) any {
		if strings.HasPrefix(name, "last") || name == "firstBuild" {
			return v.permalink(it, name)
		}
		switch name {
		case "actions":
			return list{2, func(i int) any {
				if i == 0 {
					return v.nothing()
				}
				return fixed("org.jenkinsci.plugins.displayurlapi.actions.JobDisplayAction", "")
			}}
		case "buildable":
			return !it.disabled
		case "builds", "allBuilds":
			return v.builds(it, name)
		case "color":
			return it.color()
		case "healthReport", "downstreamProjects", "upstreamProjects":
			return list{}
		case "inQueue":
			return v.s.waitingFor(it) != nil
		case "queueItem":
			if q := v.s.waitingFor(it); q != nil {
				return v.queueItem(q)
			}
			return nil
		case "nextBuildNumber":
			return it.last + 1
		case "property":
			return v.properties(it)
		case "concurrentBuild":
			return it.parallel
		case "disabled":
			return it.disabled
		case "keepDependencies", "resumeBlocked":
			return false
		case "scm":
			return fixed("hudson.scm.NullSCM", "")
		default:
			return v.itemName(it, name)
		}
	}}
}

// itemName gives the fields that jobs and folders share.
func (v view) itemName(it *item, name string) any {
	switch name {
	case "displayName":
		return it.display
	case "displayNameOrNull":
		if it.display != it.name {
			return it.display
		}
		return nil
	case "fullDisplayName":
		return it.fullDisplay()
	case "fullName":
		return it.fullName()
	case "name":
		return it.name
	case "url":
		return v.url(it)
	default: // description, labelExpression
		return nil
	}
}

func (v view) folder(it *item) *object {
	kind := v.s.shapes.folder
	if it.kind == multiBranchKind {
		kind = v.s.shapes.multiBranch
	}
	return &object{kind, func(name string) any {
		switch name {
		case "jobs":
			return v.children(it)
		case "actions", "healthReport", "sources":
			return list{}
		case "primaryView":
			return v.allView(v.url(it))
		case "views":
			return list{1, func(int) any { return v.allView(v.url(it)) }}
		default:
			return v.itemName(it, name)
		}
	}}
}

// builds are newest first.
func (v view) builds(it *item, name string) list {
	n := len(it.builds)
	shown := n
	if name == "builds" {
		shown = min(n, v.s.opts.BuildsCap)
	}
	return list{shown, func(i int) any { return v.build(it.builds[n-1-i]) }}
}

func (v view) permalink(it *item, name string) any {
	if b := it.permalink(name); b != nil {
		return v.build(b)
	}
	return nil
}

// permalink gives the build of a name such as lastBuild; nil when there is none.
func (it *item) permalink(name string) *Build {
	result := func(ok func(severity int) bool) *Build {
		return it.newest(func(b *Build) bool { return !b.building() && ok(severity(b.result)) })
	}
	success, unstable := severity("SUCCESS"), severity("UNSTABLE")
	switch name {
	case "lastBuild":
		return it.newest(func(*Build) bool { return true })
	case "firstBuild":
		if len(it.builds) > 0 {
			return it.builds[0]
		}
		return nil
	case "lastCompletedBuild":
		return result(func(int) bool { return true })
	case "lastSuccessfulBuild":
		return result(func(s int) bool { return s <= unstable })
	case "lastStableBuild":
		return result(func(s int) bool { return s == success })
	case "lastUnstableBuild":
		return result(func(s int) bool { return s == unstable })
	case "lastFailedBuild":
		return result(func(s int) bool { return s == severity("FAILURE") })
	case "lastUnsuccessfulBuild":
		return result(func(s int) bool { return s != success })
	default:
		return nil
	}
}

func isPermalink(name string) bool {
	switch name {
	case "lastBuild", "firstBuild", "lastCompletedBuild", "lastSuccessfulBuild", "lastStableBuild",
		"lastUnstableBuild", "lastFailedBuild", "lastUnsuccessfulBuild":
		return true
	default:
		return false
	}
}

// color follows the last build; while that runs, the one before, animated.
func (it *item) color() string {
	if it.disabled {
		return "disabled"
	}
	color, animated := "notbuilt", ""
	if last := it.newest(func(*Build) bool { return true }); last != nil && last.building() {
		animated = "_anime"
	}
	if done := it.permalink("lastCompletedBuild"); done != nil {
		switch done.result {
		case "SUCCESS":
			color = "blue"
		case "UNSTABLE":
			color = "yellow"
		case "FAILURE":
			color = "red"
		case "ABORTED":
			color = "aborted"
		}
	}
	return color + animated
}

// properties holds the declared parameters; a property without fields is {}.
func (v view) properties(it *item) list {
	if it.kind == Pipeline && it.parent.kind == multiBranchKind {
		return list{1, func(int) any {
			return fixed("org.jenkinsci.plugins.workflow.multibranch.BranchJobProperty", "branch:2", v.nothing())
		}}
	}
	if len(it.params) == 0 {
		return list{}
	}
	return list{1, func(int) any {
		return fixed("hudson.model.ParametersDefinitionProperty", "parameterDefinitions:2", listOf(it.params, func(p Parameter) any {
			return v.definition(p)
		}))
	}}
}

func (v view) definition(p Parameter) *object {
	class := "hudson.model." + p.Type + "ParameterDefinition"
	value := p.Default
	spec := "defaultParameterValue:3 description:3 name:3 type:3"
	values := []any{nil, textOrNull(p.Description), p.Name, p.Type + "ParameterDefinition"}
	if p.Type == "Choice" {
		spec += " choices:3"
		values = append(values, listOf(p.Choices, func(c string) any { return c }))
		if len(p.Choices) > 0 {
			value = p.Choices[0]
		}
	}
	values[0] = v.parameterValue(p.Type, p.Name, value)
	return fixed(class, spec, values...)
}

// parameterValue shows a value by the kind of its parameter; a choice has a
// string, a password none.
func (v view) parameterValue(kind, name, value string) *object {
	class := kind
	if kind == "Choice" || kind == "" {
		class = "String"
	}
	class = "hudson.model." + class + "ParameterValue"
	switch kind {
	case "Password":
		return fixed(class, "name"+always, name)
	case "Boolean":
		return fixed(class, "name"+always+" value"+always, name, value == "true")
	default:
		return fixed(class, "name"+always+" value"+always, name, value)
	}
}
