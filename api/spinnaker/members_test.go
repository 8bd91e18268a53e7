package spinnaker

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzOtherMembers: what is found by looking at names is what a map of all members has beside those that are known.
func FuzzOtherMembers(f *testing.F) {
	for _, text := range []string{
		`{}`, `{"id":"1"}`, `{"id":"1","more":[{"id":2}]}`, `{"i\u0064":1}`, `{"a":"{\"b\":1}","id":","}`, `{"id":{"x":1},"":0}`,
		`{"id":["a",{"b":"c"}],"name":"\\"}`, "{ \"name\" : \"}\" ,\n\"x\\\"\":null}", `{"ID":1,"id":2}`,
	} {
		f.Add([]byte(text))
	}
	known := map[string]bool{"id": true, "name": true}
	f.Fuzz(func(t *testing.T, text []byte) {
		var members map[string]any
		if err := Decode(text, &members); err != nil || members == nil {
			return
		}
		for name := range known {
			delete(members, name)
		}
		if len(members) == 0 {
			members = nil
		}
		others, err := otherMembers(json.RawMessage(text), known)
		if err != nil || !cmp.Equal(others, members) {
			t.Errorf("%s: found %v, %v, expected %v", text, others, err, members)
		}
	})
}
