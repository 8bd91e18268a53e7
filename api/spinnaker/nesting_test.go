package spinnaker

import (
	"strings"
	"testing"
)

func TestDecodeForeign(t *testing.T) {
	deep := func(levels int) string { return strings.Repeat("[", levels) + strings.Repeat("]", levels) }
	for text, want := range map[string]string{
		deep(MaxNesting):     "",
		deep(MaxNesting + 1): "line 1, column 1001: lists and objects are nested more than 1000 deep",
		`{"a":"` + strings.Repeat(`[{\"`, MaxNesting) + `"}`: "",
		"[" + strings.Repeat("[],", MaxNesting) + "{}]":      "",
		"[\n" + deep(MaxNesting) + "]":                       "line 2, column 1000: lists and objects are nested more than 1000 deep",
		`["\\`:                                               "line 1, column 5: the JSON ends too early",
	} {
		var value any
		found := ""
		if err := DecodeForeign([]byte(text), &value); err != nil {
			found = err.Error()
		} else if Nested(value) {
			t.Errorf("%.20s… was read, but counts as nested too deep", text)
		}
		if found != want {
			t.Errorf("%.20s…: found %q, expected %q", text, found, want)
		}
	}
	var value any
	if err := Decode([]byte(deep(MaxNesting+1)), &value); err != nil || !Nested(value) {
		t.Errorf("%d levels: found %v, expected a value that is nested too deep", MaxNesting+1, err)
	}
}
