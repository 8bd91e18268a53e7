package spinnaker

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// Documents of the kind that an agent reads and writes all day.
const (
	benchTrigger = `{"type":"jenkins","enabled":true,"master":"ci","job":"shop/job/main","buildNumber":41,"user":"anonymous",` +
		`"parameters":{"version":"1.2.3","replicas":"3"},"resolvedExpectedArtifacts":[],"artifacts":[{"type":"helm/chart","customKind":false,` +
		`"name":"shop","version":"1.2.3","reference":"https://charts.example.org/shop-1.2.3.tgz","metadata":{"build":{"number":41}}}],` +
		`"buildInfo":{"building":false,"duration":48213,"result":"SUCCESS","url":"https://ci.example.org/job/shop/job/main/41/",` +
		`"artifacts":[{"fileName":"shop.tgz","relativePath":"out/shop.tgz"}]},"properties":{"image":"registry.example.org/shop:1.2.3"}}`
	benchTask = `{"id":"1","name":"bakeManifest","implementingClass":"com.netflix.spinnaker.orca.bakery.tasks.manifests.CreateBakeManifestTask",` +
		`"status":"SUCCEEDED","startTime":1755162000123,"endTime":1755162003456,"stageStart":true,"stageEnd":false,"loopStart":false,"loopEnd":false}`
	benchHead = `"refId":"1","requisiteStageRefIds":["0"],"type":"bakeManifest","name":"Bake","status":"SUCCEEDED",` +
		`"startTime":1755162000123,"endTime":1755162003456,"tasks":[` + benchTask + `,` + benchTask + `,` + benchTask + `]`
	benchContext = `{"account":"prod","cloudProvider":"kubernetes","outputName":"shop","namespace":"shop","overrides":{"replicas":3,` +
		`"image":{"tag":"${trigger.properties.image}","pull":"Always"},"hosts":["shop.example.org","www.example.org"]},"templateRenderer":"HELM3",` +
		`"failPipeline":true,"waitTime":41.0,"inputArtifacts":[{"account":"charts","id":"c1"}],"note":"first line\nand a \"second\" <one>"}`
	benchOutputs = `{"artifacts":[{"type":"embedded/base64","customKind":false,"name":"shop","reference":"` +
		`YXBpVmVyc2lvbjogdjEKa2luZDogQ29uZmlnTWFwCm1ldGFkYXRhOgogIG5hbWU6IHNob3AK","metadata":{"account":"prod"}}],"manifests":2}`
)

func benchExecution(stages int) string {
	var list []string
	for i := range stages {
		list = append(list, fmt.Sprintf(`{"id":"01J%d",%s,"context":%s,"outputs":%s}`, i, benchHead, benchContext, benchOutputs))
	}
	return `{"type":"PIPELINE","id":"01J","application":"shop","name":"deploy","pipelineConfigId":"p1","buildTime":1755162000000,` +
		`"startTime":1755162000001,"status":"RUNNING","canceled":false,"limitConcurrent":true,"maxConcurrentExecutions":0,` +
		`"keepWaitingPipelines":false,"origin":"api","authentication":{"user":"anonymous","allowedAccounts":["prod"]},"notifications":[],` +
		`"systemNotifications":[],"initialConfig":{},"trigger":` + benchTrigger + `,"stages":[` + strings.Join(list, ",") + `]}`
}

func benchPipeline(stages int) string {
	var list []string
	for i := range stages {
		list = append(list, fmt.Sprintf(`{"refId":"%d","requisiteStageRefIds":["%d"],"type":"bakeManifest","name":"Bake",%s`, i+1, i, benchContext[1:]))
	}
	return `{"id":"p1","application":"shop","name":"deploy","index":3,"limitConcurrent":true,"keepWaitingPipelines":false,"updateTs":"1755162000000",` +
		`"parameterConfig":[{"name":"version","required":true,"default":"","label":"Version"}],"triggers":[{"type":"jenkins","enabled":true,"master":"ci",` +
		`"job":"shop/job/main"}],"expectedArtifacts":[{"id":"c1","displayName":"chart","matchArtifact":{"type":"helm/chart","customKind":false,"name":"shop"},` +
		`"usePriorArtifact":true,"useDefaultArtifact":false}],"notifications":[],"stages":[` + strings.Join(list, ",") + `]}`
}

func BenchmarkExecution(b *testing.B) {
	benchmarkType[Execution](b, "3", benchExecution(3))
	benchmarkType[Execution](b, "40", benchExecution(40))
}

// A stage's head is what the store reads and writes most often.
func BenchmarkStageHead(b *testing.B) { benchmarkType[Stage](b, "head", `{"id":"01J",`+benchHead+`}`) }

func BenchmarkPipeline(b *testing.B) { benchmarkType[Pipeline](b, "20", benchPipeline(20)) }

func BenchmarkTrigger(b *testing.B) { benchmarkType[Trigger](b, "jenkins", benchTrigger) }

func benchmarkType[T any](b *testing.B, name, text string) {
	data := []byte(text)
	b.Run(name+"/decode", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			var value T
			if err := Decode(data, &value); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run(name+"/encode", func(b *testing.B) {
		var value T
		if err := Decode(data, &value); err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			if _, err := json.Marshal(value); err != nil {
				b.Fatal(err)
			}
		}
	})
}
