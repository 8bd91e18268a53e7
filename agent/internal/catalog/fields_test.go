package catalog

import (
	"strings"
	"testing"

	"github.com/gennaker/gennaker/api/spinnaker"
)

func TestOddFields(t *testing.T) {
	for stage, expected := range map[string]string{
		`{"failPipeline":"false","continuePipeline":true,"stageTimeoutMs":"60000","backoffPeriodMs":0,"startTimeExpiry":1772445600000}`: "",
		`{"stageTimeoutMs":"${trigger.limit}","failPipeline":"${a}","failOnFailedExpressions":null}`:                                    "",
		`{"failPipeline":"maybe"}`:      `failPipeline: found "maybe", expected true or false`,
		`{"stageTimeoutMs":-5}`:         "stageTimeoutMs: found -5, expected a number of milliseconds above 0: the stage has no time-out of its own like this",
		`{"stageTimeoutMs":"soon"}`:     `stageTimeoutMs: found "soon", expected a number of milliseconds above 0: the stage has no time-out of its own like this`,
		`{"backoffPeriodMs":1e300}`:     "backoffPeriodMs: found 1e300, expected a number of milliseconds, a day at the most",
		`{"startTimeExpiry":"noon"}`:    `startTimeExpiry: found "noon", expected a time in milliseconds since 1970`,
		`{"stageEnabled":"false"}`:      `stageEnabled: found "false", expected {"type": "expression", "expression": "…"}`,
		`{"stageEnabled":{"type":"x"}}`: `stageEnabled: found map[type:x], expected {"type": "expression", "expression": "…"}`,
		`{"restrictExecutionDuringTimeWindow":true,"restrictedExecutionWindow":{"days":[9]}}`:                                           "restrictedExecutionWindow: day 9 is none: use 1 (Sunday) to 7 (Saturday): the stage will fail",
		`{"restrictExecutionDuringTimeWindow":true}`:                                                                                    "restrictedExecutionWindow: Incorrect time windows specified: the stage will fail",
		`{"restrictExecutionDuringTimeWindow":true,"restrictedExecutionWindow":{"days":[],"whitelist":[{"startHour":9,"endHour":11}]}}`: "",
	} {
		var config spinnaker.StageConfig
		if err := spinnaker.Decode([]byte(stage), &config.Context); err != nil {
			t.Fatal(err)
		}
		if found := strings.Join(oddFields(config), "\n"); found != expected {
			t.Errorf("%s:\nfound    %s\nexpected %s", stage, found, expected)
		}
	}
}
