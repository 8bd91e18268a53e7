// Package helm renders a chart as `helm template` does, in process and reaching nothing outside.
//
// For the same inputs the text is the same, byte for byte, except that test objects are left out as Spinnaker leaves
// them out, and that what could differ between two runs of Helm is in a fixed order.
//
// Source: spinnaker/spinnaker rosco/rosco-manifests helm/HelmBakeTemplateUtils.java and helm/helm cmd/helm/template.go.
package helm
