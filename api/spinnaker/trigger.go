package spinnaker

import "strings"

// Trigger is a trigger as a pipeline stores it, and in an execution the same with what it fired on. Its known members
// depend on its type, so it stays an object with typed accessors, and nothing unknown is lost.
//
// Source: spinnaker/spinnaker echo/echo-model Trigger.java, orca/orca-core TriggerDeserializer.kt.
type Trigger map[string]any

// Type of the trigger, for example "jenkins".
func (t Trigger) Type() string { return t.Text("type") }

// Enabled says whether the trigger may fire; absent counts as false.
func (t Trigger) Enabled() bool {
	switch enabled := t["enabled"].(type) {
	case bool:
		return enabled
	case string:
		return strings.EqualFold(enabled, "true")
	default:
		return false
	}
}

// Text returns a text or number member as text, else "".
func (t Trigger) Text(key string) string { return text(t, key) }

// Texts returns a list member's texts.
func (t Trigger) Texts(key string) []string { return texts(t, key) }

// Object returns an object member, or nil.
func (t Trigger) Object(key string) map[string]any {
	object, _ := t[key].(map[string]any)
	return object
}
