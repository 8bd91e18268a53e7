package enginetest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gennaker/gennaker/api/spinnaker"
)

func (g *game) expect(c command) error {
	what, ref := c.word(1), c.word(2)
	switch what {
	case "reason":
		return same("cancellation reason", g.ex.CancellationReason, ref)
	case "by":
		return same("canceled by", g.ex.CanceledBy, ref)
	case "refused":
		defer func() { g.refused = "" }()
		return same("refusal", g.refused, ref)
	case "notifications":
		defer func() { g.notifications = nil }()
		return same("notifications", strings.Join(g.notifications, " "), strings.Join(c.words[2:], " "))
	case "completions":
		return same("completions", fmt.Sprint(g.completions), ref)
	case "order":
		var refs []string
		for _, stage := range g.ex.Stages {
			refs = append(refs, stage.RefID)
		}
		return same("order of stages", strings.Join(refs, " "), strings.Join(c.words[2:], " "))
	case "due", "awaits", "context", "outputs", "error", "warning", "task", "requires", "scheduled", "started", "ended":
		stage := g.stage(ref)
		if stage == nil {
			return fmt.Errorf("no stage has the refId %q", ref)
		}
		return g.expectOf(stage, what, c.words[3:])
	default:
		return g.expectStatuses(c.words[1:])
	}
}

func (g *game) expectOf(stage *spinnaker.Stage, what string, words []string) error {
	words = append(words, "", "")
	w := g.ex.Work[stage.ID]
	switch what {
	case "due":
		due := "never"
		if !w.Due.IsZero() {
			due = w.Due.Sub(g.launched).String()
		}
		if want, err := time.ParseDuration(words[0]); err == nil {
			return same("due", due, want.String())
		}
		return same("due", due, words[0])
	case "awaits":
		return same("awaited event", w.Awaits, words[0])
	case "scheduled":
		return g.moment("scheduled time", stage.ScheduledTime, words[0])
	case "started":
		return g.moment("start time", stage.StartTime, words[0])
	case "ended":
		return g.moment("end time", stage.EndTime, words[0])
	case "requires":
		return same("requisites", strings.Join(stage.Requisites, " "), strings.TrimSpace(strings.Join(words, " ")))
	case "context":
		return value(stage.Context, words)
	case "outputs":
		return value(stage.Outputs, words)
	case "task":
		for _, task := range stage.Tasks {
			if task.Name == words[0] {
				return same("status of the task", string(task.Status), words[1])
			}
		}
		return fmt.Errorf("stage %s has no task %q: %v", stage.RefID, words[0], stage.Tasks)
	case "error":
		exception, _ := stage.Context["exception"].(map[string]any)
		details, _ := exception["details"].(map[string]any)
		return contains("errors", details["errors"], words[0])
	default:
		return contains("warnings", stage.Context["gennaker.warnings"], words[0])
	}
}

// moment compares a time, counted from the launch, or "never".
func (g *game) moment(what string, at spinnaker.Millis, want string) error {
	if at == 0 {
		return same(what, "never", want)
	}
	after, err := time.ParseDuration(want)
	if err != nil {
		return err
	}
	return same(what, at.Time().Sub(g.launched).String(), after.String())
}

// value compares a member, given by its path with dots, with a JSON value or a bare text.
func value(object map[string]any, words []string) error {
	found, ok := any(object), true
	for _, key := range strings.Split(words[0], ".") {
		inner, _ := found.(map[string]any)
		found, ok = inner[key]
	}
	if direct, present := object[words[0]]; present {
		found, ok = direct, true
	}
	if words[1] == "absent" {
		if ok {
			return fmt.Errorf("%s is there: %v", words[0], found)
		}
		return nil
	}
	data, err := json.Marshal(found)
	if err != nil {
		return err
	}
	want := words[1]
	var decoded any
	if err := spinnaker.Decode([]byte(want), &decoded); err != nil {
		decoded = want
	}
	if text, isText := found.(string); isText {
		return same(words[0], text, want)
	}
	normal, err := json.Marshal(decoded)
	if err != nil {
		return err
	}
	return same(words[0], string(data), string(normal))
}

func contains(what string, listed any, want string) error {
	items, _ := listed.([]any)
	if want == "none" && len(items) == 0 || slices.Contains(items, any(want)) {
		return nil
	}
	return fmt.Errorf("%s: found %q, expected %q", what, items, want)
}

func (g *game) expectStatuses(words []string) error {
	for _, word := range words {
		cut := strings.LastIndex(word, "=")
		if cut < 0 {
			if err := same("status of the execution", string(g.ex.Status), word); err != nil {
				return err
			}
			continue
		}
		stage := g.stage(word[:cut])
		if stage == nil {
			return fmt.Errorf("no stage has the refId %q", word[:cut])
		}
		if err := same("status of stage "+stage.RefID, string(stage.Status), word[cut+1:]); err != nil {
			return err
		}
	}
	return nil
}

func same(what, found, expected string) error {
	if found != expected {
		return fmt.Errorf("%s: found %q, expected %q", what, found, expected)
	}
	return nil
}

// state describes the execution for the reader of a failed case.
func (g *game) state() string {
	if g.ex == nil {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "at %s: execution %s\n", g.clock.Sub(g.launched), g.ex.Status)
	for _, stage := range g.ex.Stages {
		fmt.Fprintf(&b, "  %-6s %-14s", stage.RefID, stage.Status)
		if w := g.ex.Work[stage.ID]; w != nil {
			data, _ := json.Marshal(w)
			fmt.Fprintf(&b, " %s", data)
		}
		b.WriteByte('\n')
	}
	return b.String()
}
