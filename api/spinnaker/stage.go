package spinnaker

import "fmt"

// MessageKey is where a stage's context holds its last message for people. It is Gennaker's own.
const MessageKey = "gennaker.message"

// Message is the stage's last message for people, or "".
func (s *Stage) Message() string {
	message, _ := s.Context[MessageKey].(string)
	return message
}

// Failures are the sentences of the stage's exception.
//
// Source: spinnaker/spinnaker orca/orca-core exceptions/DefaultExceptionHandler.groovy.
func (s *Stage) Failures() []string {
	exception, _ := s.Context["exception"].(map[string]any)
	details, _ := exception["details"].(map[string]any)
	list, _ := details["errors"].([]any)
	var texts []string
	for _, item := range list {
		texts = append(texts, fmt.Sprint(item))
	}
	if text, _ := details["error"].(string); len(texts) == 0 && text != "" {
		texts = append(texts, text)
	}
	return texts
}

// Progress is the stage's status and last message in one line.
func (s *Stage) Progress() string {
	if message := s.Message(); message != "" {
		return string(s.Status) + "  " + message
	}
	return string(s.Status)
}

// Failure says in words why an execution did not succeed: its status, why it was canceled, and what failed in which stage.
func (e *Execution) Failure() string {
	text := fmt.Sprintf("execution %s ended %s", e.ID, e.Status)
	if e.CancellationReason != "" {
		text += ": " + e.CancellationReason
	}
	for _, stage := range e.Stages {
		if !stage.Status.Failed() {
			continue
		}
		text += fmt.Sprintf("\nstage %q is %s", stage.Name, stage.Status)
		for _, reason := range stage.Failures() {
			text += "\n  " + reason
		}
	}
	return text
}
