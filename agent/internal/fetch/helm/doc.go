// Package helm reads the index.yaml of chart repositories. It is pure, and knows nothing of Helm.
package helm
