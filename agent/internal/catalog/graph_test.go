package catalog

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// stages makes stages of "refId: requisites" lines.
func stages(lines ...string) (out []spinnaker.StageConfig) {
	for _, line := range lines {
		ref, requisites, _ := strings.Cut(line, ":")
		out = append(out, spinnaker.StageConfig{RefID: ref, Requisites: strings.Fields(requisites)})
	}
	return out
}

func TestCheckGraph(t *testing.T) {
	cases := []struct {
		name   string
		stages []spinnaker.StageConfig
		faults []string
	}{
		{"no stages", nil, nil},
		{"a diamond", stages("1:", "2: 1", "3: 1", "4: 2 3"), nil},
		{"a stage named twice in the requisites", stages("1:", "2: 1 1"), nil},
		{"no refIds at all: linear, whatever the requisites", stages(": 7", ": 8"), nil},
		{"some without refId", stages("1:", ":", ": 1"), nil},
		{"a refId twice", stages("1:", "2:", "1:"), []string{`stages[2].refId: "1" is used twice`}},
		{"a requisite nobody has", stages("1:", "2: 1 9"), []string{`stages[1].requisiteStageRefIds: no stage has the refId "9"`}},
		{"itself", stages("1: 1"), []string{"stages: the refIds 1 → 1 wait for each other"}},
		{"a cycle behind a stage", stages("a:", "b: a d", "c: b", "d: c"),
			[]string{"stages: the refIds b → d → c → b wait for each other"}},
		{"all at once", stages("1: 2", "2: 1", "2: 3"), []string{`stages[2].refId: "2" is used twice`,
			`stages[2].requisiteStageRefIds: no stage has the refId "3"`}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			err := checkGraph(spinnaker.Pipeline{Name: "p", Stages: c.stages})
			var answer *spinnaker.Error
			if !errors.As(err, &answer) {
				answer = &spinnaker.Error{}
			}
			if diff := cmp.Diff(c.faults, answer.Errors); diff != "" {
				t.Errorf("faults: (- wanted, + found)\n%s", diff)
			}
			if len(c.faults) > 0 && answer.Message != `pipeline "p": `+strings.Join(c.faults, "; ") {
				t.Errorf("found message %q", answer.Message)
			}
		})
	}
}

// What is no reference would be none: the stage would run at once.
func TestReferencesThatAreNone(t *testing.T) {
	for given, fault := range map[string]string{
		`"requisiteStageRefIds":["1",2]`: `stages[1].requisiteStageRefIds: no stage has the refId "2"`,
		`"requisiteStageRefIds":null`:    "",
		`"requisiteStageRefIds":"1"`:     `stages[1].requisiteStageRefIds: found "1", expected a list of refIds`,
		`"requisiteStageRefIds":[["1"]]`: `stages[1].requisiteStageRefIds: found [["1"]], expected a list of refIds`,
		`"requisiteStageRefIds":[null]`:  `stages[1].requisiteStageRefIds: found [null], expected a list of refIds`,
		`"refId":{"a":1}`:                `stages[1].refId: found {"a":1}, expected a text or a number`,
		`"refId":true`:                   `stages[1].refId: found true, expected a text or a number`,
	} {
		var p spinnaker.Pipeline
		if err := json.Unmarshal([]byte(`{"name":"p","stages":[{"refId":"1","type":"wait"},{"type":"wait",`+given+`}]}`), &p); err != nil {
			t.Fatal(err)
		}
		var found string
		if answer := new(spinnaker.Error); errors.As(checkGraph(p), &answer) {
			found = strings.Join(answer.Errors, "; ")
		}
		if found != fault {
			t.Errorf("%s: found %q, expected %q", given, found, fault)
		}
	}
}

func TestCheckGraphOfThousandsOfStages(t *testing.T) {
	const many = 5000
	var chain []string
	for i := range many {
		chain = append(chain, fmt.Sprintf("%d: %d", i, (i+1)%many))
	}
	err := checkGraph(spinnaker.Pipeline{Name: "p", Stages: stages(chain...)})
	if err == nil || !strings.Contains(err.Error(), "4999 → 0 wait for each other") {
		t.Error("the long cycle was not found")
	}
}

func FuzzCheckGraph(f *testing.F) {
	for _, seed := range []string{
		`[]`, `[{"refId":"1"}]`, `[{"refId":1,"requisiteStageRefIds":["1"]}]`, `[{"requisiteStageRefIds":[{}]}]`,
		`[{"refId":"a","requisiteStageRefIds":["b"]},{"refId":"b","requisiteStageRefIds":["c","a"]},{"refId":"c"}]`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var list []spinnaker.StageConfig
		if json.Unmarshal([]byte(text), &list) != nil {
			return
		}
		if checkGraph(spinnaker.Pipeline{Stages: list}) != nil {
			return
		}
		// What is accepted can be put in an order in which every stage comes after what it waits for.
		done, left := map[string]bool{}, list
		for len(left) > 0 {
			var waiting []spinnaker.StageConfig
			for _, s := range left {
				if ready(s, done) || !anyRef(list) {
					done[s.RefID] = true
					continue
				}
				waiting = append(waiting, s)
			}
			if len(waiting) == len(left) {
				t.Fatalf("accepted, but %d stages can never run: %s", len(left), text)
			}
			left = waiting
		}
	})
}

func ready(s spinnaker.StageConfig, done map[string]bool) bool {
	for _, ref := range s.Requisites {
		if !done[ref] {
			return false
		}
	}
	return true
}

func anyRef(list []spinnaker.StageConfig) bool {
	for _, s := range list {
		if s.RefID != "" {
			return true
		}
	}
	return false
}
