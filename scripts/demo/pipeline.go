package main

import "strings"

type object = map[string]any

// bakeStage bakes the chart with the image of the build.
func (d *show) bakeStage() object {
	return object{"refId": "1", "requisiteStageRefIds": []string{}, "type": "bakeManifest", "name": "Bake", "cloudProvider": "kubernetes",
		"templateRenderer": "HELM3", "outputName": "shipit-staging", "namespace": namespace,
		"inputArtifacts": []object{{"id": "chart", "account": "gh"}, {"id": "values", "account": "gh"}},
		"overrides": object{
			"image.repository":      `${trigger["properties"]["imageName"]}`,
			"ingress.hosts[0].host": "shipit-stage.example.com",
		},
		"expectedArtifacts": []object{{"id": "baked", "displayName": "kube-templates.yaml", "usePriorArtifact": false, "useDefaultArtifact": false,
			"matchArtifact": object{"type": "embedded/base64", "name": "kube-templates.yaml", "artifactAccount": "embedded-artifact"}}},
	}
}

// pipelineConfig is a pipeline that the build job triggers.
func (d *show) pipelineConfig(name string, stages ...object) object {
	return object{"application": application, "name": name, "stages": stages, "spelEvaluator": "v4", "limitConcurrent": true,
		"triggers": []object{{"type": "jenkins", "enabled": true, "master": master, "job": buildJob,
			"propertyFile": "build.properties", "expectedArtifactIds": []string{}}},
		"expectedArtifacts": []object{d.file("chart", "helm.tar.gz"), d.file("values", "values-spin.yaml")},
	}
}

// file is an expected artifact that falls back on the file in the GitHub-shaped server.
func (d *show) file(id, name string) object {
	reference := d.github.Reference(name)
	return object{"id": id, "displayName": name, "usePriorArtifact": false, "useDefaultArtifact": true,
		"matchArtifact":   object{"type": "github/file", "name": name, "artifactAccount": "gh"},
		"defaultArtifact": object{"type": "github/file", "name": name, "reference": reference, "version": "main", "artifactAccount": "gh"},
	}
}

// deliveryStages bake, deploy and test.
func (d *show) deliveryStages(appURL string) []object {
	return []object{
		d.bakeStage(),
		{"refId": "2", "requisiteStageRefIds": []string{"1"}, "type": "deployManifest", "name": "Deploy", "cloudProvider": "kubernetes",
			"account": "demo", "source": "artifact", "manifestArtifactId": "baked", "namespaceOverride": namespace,
			"moniker": object{"app": application}, "skipExpressionEvaluation": true},
		{"refId": "3", "requisiteStageRefIds": []string{"2"}, "type": "httpTest", "name": "HTTP test",
			"checks": []object{{"name": "serves the build's image", "url": appURL, "status": 200,
				"body": object{"contains": `${trigger["properties"]["imageName"]}`}}}},
		{"refId": "4", "requisiteStageRefIds": []string{"2"}, "type": "jenkins", "name": "Smoke test", "master": master, "job": smokeJob,
			"parameters": object{"IMAGE": `${trigger["properties"]["imageName"]}`}},
	}
}

// document is the part of a chart's rendered text that names its objects: kind and name of each.
func objectsIn(manifest string) []string {
	var objects []string
	for doc := range strings.SplitSeq(manifest, "\n---") {
		kind, name, inMetadata := "", "", false
		for line := range strings.Lines(doc) {
			line = strings.TrimRight(line, "\n")
			switch {
			case strings.HasPrefix(line, "kind: "):
				kind = strings.TrimPrefix(line, "kind: ")
			case strings.HasPrefix(line, "metadata:"):
				inMetadata = true
			case inMetadata && name == "" && strings.HasPrefix(line, "  name: "):
				name = strings.Trim(strings.TrimPrefix(line, "  name: "), `"`)
			}
		}
		if kind != "" {
			objects = append(objects, kind+" "+name)
		}
	}
	return objects
}
