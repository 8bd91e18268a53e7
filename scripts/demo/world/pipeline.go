package world

// object is a JSON object.
type object = map[string]any

// BakeStage bakes the chart with the image of the build.
func (w *World) BakeStage() object {
	overrides := object{
		"image.repository":      `${trigger["properties"]["imageName"]}`,
		"ingress.hosts[0].host": "shipit-stage.example.com",
	}
	if w.Cluster != nil && w.Cluster.Own() {
		// Real Pods are probed: where PublicImage answers.
		overrides["app.listenPort"], overrides["probes.liveness"], overrides["probes.readiness"] = "80", "/", "/"
	}
	return object{"refId": "1", "requisiteStageRefIds": []string{}, "type": "bakeManifest", "name": "Bake", "cloudProvider": "kubernetes",
		"templateRenderer": "HELM3", "outputName": "shipit-staging", "namespace": Namespace,
		"inputArtifacts": []object{{"id": "chart", "account": "gh"}, {"id": "values", "account": "gh"}},
		"overrides":      overrides,
		"expectedArtifacts": []object{{"id": "baked", "displayName": "kube-templates.yaml", "usePriorArtifact": false, "useDefaultArtifact": false,
			"matchArtifact": object{"type": "embedded/base64", "name": "kube-templates.yaml", "artifactAccount": "embedded-artifact"}}},
	}
}

// PipelineConfig is a pipeline that the build job triggers.
func (w *World) PipelineConfig(name string, stages ...object) object {
	return object{"application": Application, "name": name, "stages": stages, "spelEvaluator": "v4", "limitConcurrent": true,
		"triggers": []object{{"type": "jenkins", "enabled": true, "master": Master, "job": BuildJob,
			"propertyFile": "build.properties", "expectedArtifactIds": []string{}}},
		"expectedArtifacts": []object{w.file("chart", "helm.tar.gz"), w.file("values", "values-spin.yaml")},
	}
}

// file is an expected artifact that falls back on the file in the GitHub-shaped server.
func (w *World) file(id, name string) object {
	reference := w.GitHub.Reference(name)
	return object{"id": id, "displayName": name, "usePriorArtifact": false, "useDefaultArtifact": true,
		"matchArtifact":   object{"type": "github/file", "name": name, "artifactAccount": "gh"},
		"defaultArtifact": object{"type": "github/file", "name": name, "reference": reference, "version": "main", "artifactAccount": "gh"},
	}
}

// DeliveryStages bake, deploy and test.
func (w *World) DeliveryStages(appURL string) []object {
	return []object{
		w.BakeStage(),
		{"refId": "2", "requisiteStageRefIds": []string{"1"}, "type": "deployManifest", "name": "Deploy", "cloudProvider": "kubernetes",
			"account": "demo", "source": "artifact", "manifestArtifactId": "baked", "namespaceOverride": Namespace,
			"moniker": object{"app": Application}, "skipExpressionEvaluation": true},
		{"refId": "3", "requisiteStageRefIds": []string{"2"}, "type": "httpTest", "name": "HTTP test",
			"checks": []object{{"name": "serves the build's image", "url": appURL,
				"expect": object{"status": 200, "body": object{"contains": `${trigger["properties"]["imageName"]}`}}}}},
		{"refId": "4", "requisiteStageRefIds": []string{"2"}, "type": "jenkins", "name": "Smoke test", "master": Master, "job": smokeJob,
			"parameters": object{"IMAGE": `${trigger["properties"]["imageName"]}`}},
	}
}
