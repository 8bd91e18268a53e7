package app

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gennaker/gennaker/agent/internal/config"
)

func TestDescribeWebhooks(t *testing.T) {
	c, err := config.Parse([]byte(`webhook: {preconfigured: [
	  {type: ticket, label: Ticket, url: "https://a/", method: PUT, payload: x, waitForCompletion: false, customHeaders: {X: hunter2},
	   parameters: [{name: who, label: Who, type: string, defaultValue: ann}]},
	  {type: open, label: Open, method: PUT, signalCancellation: true, parameterData: {who: {ann: Ann}}, permissions: {WRITE: [testers]}}, {type: gone, enabled: false}]}
server: {roles: {testers: [ann]}}`))
	if err != nil {
		t.Fatal(err)
	}
	found, err := json.Marshal(describeWebhooks(c.Webhook.Preconfigured))
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"description":"","label":"Ticket","noUserConfigurableFields":true,"parameterData":null,` +
		`"parameters":[{"name":"who","label":"Who","type":"string","defaultValue":"ann","order":0}],"permissions":null,` +
		`"preconfiguredProperties":["customHeaders","method","payload","url","waitForCompletion"],"producesArtifacts":false,"type":"ticket","waitForCompletion":false},` +
		`{"description":"","label":"Open","noUserConfigurableFields":false,"parameterData":{"who":{"ann":"Ann"}},"parameters":[],"permissions":{"WRITE":["testers"]},` +
		`"preconfiguredProperties":["method","signalCancellation"],"producesArtifacts":false,"type":"open","waitForCompletion":null}]`
	if diff := cmp.Diff(want, string(found)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if strings.Contains(string(found), "hunter2") {
		t.Error("a header's value is shown")
	}
}
