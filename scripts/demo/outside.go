package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gennaker/gennaker/jenkins/jenkinstest"
)

// Names of the worked example.
const (
	application = "shipandspin"
	pipeline    = "shipit-eks-staging"
	namespace   = "shipit-demo"
	master      = "ci"
	folder      = "shipitclicker"
	buildJob    = folder + "/job/staging"
	smokeJob    = folder + "/job/smoke"
	semVer      = "0.5.3"
	publicImage = "registry.k8s.io/pause:3.10"
)

// wallClock has the Jenkins double tell the real time.
type wallClock struct{}

func (wallClock) Now() time.Time { return time.Now() }

// startOutside starts what Gennaker finds in the world around it: a Jenkins and a GitHub.
func (d *show) startOutside() error {
	jenkins, err := jenkinstest.Listen(jenkinstest.Options{Clock: wallClock{}})
	if err != nil {
		return fmt.Errorf("start the Jenkins double: %w", err)
	}
	d.jenkins = jenkins
	d.closers = append(d.closers, jenkins.Close)
	d.build = jenkins.Job(folder+"/staging", jenkinstest.Pipeline)
	jenkins.Job(folder+"/smoke", jenkinstest.Pipeline).
		SetParameters(jenkinstest.Parameter{Name: "IMAGE", Type: "String"}).
		Runs(func(_ int, parameters map[string]string) jenkinstest.Plan {
			return jenkinstest.Plan{Log: []string{"smoke test of " + parameters["IMAGE"]}}
		})

	if d.chartArchive, err = d.readChart(); err != nil {
		return err
	}
	values := d.options.values
	if values == "" {
		values = repository("charts", "shipitclicker", "values-spin.yaml")
	}
	valuesText, err := os.ReadFile(values)
	if err != nil {
		return fmt.Errorf("read the values file: %w", err)
	}
	d.github, err = newGitHub(map[string][]byte{"helm.tar.gz": d.chartArchive, "values-spin.yaml": valuesText})
	if err != nil {
		return fmt.Errorf("start the GitHub-shaped server: %w", err)
	}
	d.closers = append(d.closers, d.github.Close)
	say("Jenkins double at %s, GitHub-shaped server at %s", jenkins.URL, d.github.URL)
	return nil
}

// readChart returns the chart archive: the given one, or our sample chart packed as a Jenkinsfile would.
func (d *show) readChart() ([]byte, error) {
	if d.options.chart != "" {
		data, err := os.ReadFile(d.options.chart)
		if err != nil {
			return nil, fmt.Errorf("read the chart: %w", err)
		}
		return data, nil
	}
	return pack(repository("charts", "shipitclicker"))
}

// pack makes a tar.gz of a folder, with the folder itself on top.
func pack(dir string) ([]byte, error) {
	var out bytes.Buffer
	compressed := gzip.NewWriter(&out)
	archive := tar.NewWriter(compressed)
	parent := filepath.Dir(dir)
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(parent, path)
		if err != nil {
			return err
		}
		if err := archive.WriteHeader(&tar.Header{Name: filepath.ToSlash(name), Mode: 0o644, Size: int64(len(data))}); err != nil {
			return err
		}
		_, err = archive.Write(data)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("pack %s: %w", dir, err)
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	if err := compressed.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// finishBuild has Jenkins finish a build that archives build.properties and the chart, and returns its number.
func (d *show) finishBuild(image string) int {
	properties := fmt.Sprintf("semVer=%s\nimageName=%s\n", semVer, image)
	build := d.build.Finished("SUCCESS",
		jenkinstest.File{Path: "build.properties", Data: []byte(properties)},
		jenkinstest.File{Path: "helm.tar.gz", Data: d.chartArchive})
	return build.Number()
}
