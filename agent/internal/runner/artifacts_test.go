package runner_test

import (
	"encoding/base64"
	"fmt"
	"testing"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/api/spinnaker"
)

func TestFindArtifacts(t *testing.T) {
	b := start(t, openStore(t), &plugins{})
	produce := pipeline(t, `{"application":"shop","name":"produce","id":"produce","stages":[{"refId":"1","type":"evaluateArtifacts",
	  "artifactContents":[{"name":"manifest","contents":"image: cart:${trigger.tag}"}]},
	  {"refId":"2","type":"checkPreconditions","requisiteStageRefIds":["1"],"preconditions":[{"type":"expression","context":{"expression":"trigger.tag != '1.5'"}}]}]}`)
	find := func(options string) spinnaker.Pipeline {
		return pipeline(t, `{"application":"shop","name":"find","stages":[{"refId":"1","type":"findArtifactFromExecution","application":"shop","pipeline":"produce",
		  "expectedArtifacts":[{"id":"m","matchArtifact":{"name":"manifest"}}]`+options+`}]}`)
	}
	ex := b.ended(b.launch(find(""), nil))
	expect(t, "without a run", failures(ex, "1"), `no execution of pipeline produce of application "shop" has one of the statuses []: `+
		`run it first, or allow more statuses in the stage's executionOptions`)
	b.ended(b.launch(produce, spinnaker.Trigger{"tag": "1.4"}))
	b.ended(b.launch(produce, spinnaker.Trigger{"tag": "1.5"}))
	for options, tag := range map[string]string{
		``:                                       "1.5",
		`,"executionOptions":{"succeeded":true}`: "1.4",
		`,"executionOptions":{"successful":true,"terminal":true}`: "1.5",
	} {
		ex := b.ended(b.launch(find(options), nil))
		expect(t, options, statuses(ex), "SUCCEEDED 1=SUCCEEDED")
		found := engine.Artifacts(ex.Stages[0].Outputs["artifacts"])
		if len(found) != 1 {
			t.Fatalf("%s: found %v", options, found)
		}
		body, err := base64.StdEncoding.DecodeString(found[0].Reference)
		expect(t, options, fmt.Sprint(string(body), err), "image: cart:"+tag+"<nil>")
	}
	ex = b.ended(b.launch(pipeline(t, `{"application":"shop","name":"find","stages":[{"refId":"1","type":"findArtifactFromExecution","pipeline":"produce",
	  "expectedArtifact":{"id":"m","matchArtifact":{"name":"other"}}}]}`), nil))
	expect(t, "nothing fits", statuses(ex), "TERMINAL 1=TERMINAL")
}
