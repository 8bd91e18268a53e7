package world

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/gennaker/gennaker/jenkins/jenkinstest"
)

// Names of the worked example.
const (
	Application = "shipandspin"
	Pipeline    = "shipit-eks-staging"
	Namespace   = "shipit-demo"
	Master      = "ci"
	BuildJob    = "shipitclicker/job/staging"
	smokeJob    = "shipitclicker/job/smoke"
	SemVer      = "0.5.3"
	// PublicImage is deployed where nothing can be pushed: any web server does.
	PublicImage = "docker.io/library/nginx:1.27-alpine"
)

// Options say how a World is made.
type Options struct {
	// Root is the checkout; Dir a folder for the world's files.
	Root, Dir string
	// Chart and Values are files to use instead of the sample chart's.
	Chart, Values string
	// RemovedAPIs is the cluster account's removedApis.
	RemovedAPIs string
	// Say is told what goes on.
	Say func(format string, args ...any)
}

// World is what is outside the agent.
type World struct {
	Options
	Jenkins *jenkinstest.Server
	Build   *jenkinstest.Job
	GitHub  GitHub
	Chart   []byte
	// Cluster is nil until UseCluster.
	Cluster *Cluster

	// closers end what was started, last first.
	closers []func() error

	mu sync.Mutex
	// smoked counts the smoke tests of each image.
	smoked map[string]int
}

// New starts a Jenkins double with the jobs of the worked example and a GitHub-shaped server with its chart.
func New(o Options) (*World, error) {
	w := &World{Options: o, smoked: map[string]int{}}
	if err := w.start(); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

func (w *World) start() error {
	jenkins, err := jenkinstest.Listen(jenkinstest.Options{Clock: jenkinstest.SystemClock{}})
	if err != nil {
		return fmt.Errorf("start the Jenkins double: %w", err)
	}
	w.Jenkins = jenkins
	w.closers = append(w.closers, jenkins.Close)
	w.Build = jenkins.Job("shipitclicker/staging", jenkinstest.Pipeline)
	jenkins.Job("shipitclicker/smoke", jenkinstest.Pipeline).
		SetParameters(jenkinstest.Parameter{Name: "IMAGE", Type: "String"}).
		Runs(func(_ int, parameters map[string]string) jenkinstest.Plan {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.smoked[parameters["IMAGE"]]++
			return jenkinstest.Plan{Log: []string{"smoke test of " + parameters["IMAGE"]}}
		})
	if w.Chart, err = w.readChart(); err != nil {
		return err
	}
	values := w.Values
	if values == "" {
		values = filepath.Join(w.Root, "charts", "shipitclicker", "values-spin.yaml")
	}
	valuesText, err := os.ReadFile(values)
	if err != nil {
		return fmt.Errorf("read the values file: %w", err)
	}
	w.GitHub, err = w.serveGitHub(map[string][]byte{"helm.tar.gz": w.Chart, "values-spin.yaml": valuesText})
	if err != nil {
		return fmt.Errorf("start the GitHub-shaped server: %w", err)
	}
	w.Say("Jenkins double at %s, GitHub-shaped server at %s", jenkins.URL, w.GitHub.URL)
	return nil
}

// Close ends what was started, last first.
func (w *World) Close() error {
	var errs []error
	for _, closer := range slices.Backward(w.closers) {
		errs = append(errs, closer())
	}
	w.closers = nil
	return errors.Join(errs...)
}

// FinishBuild has Jenkins finish a build that archives build.properties with the image, and the chart; it returns its
// number.
func (w *World) FinishBuild(image string) int {
	properties := fmt.Sprintf("semVer=%s\nimageName=%s\n", SemVer, image)
	return w.Build.Finished("SUCCESS",
		jenkinstest.File{Path: "build.properties", Data: []byte(properties)},
		jenkinstest.File{Path: "helm.tar.gz", Data: w.Chart}).Number()
}

// SmokeTests is how often the smoke test job was started for an image.
func (w *World) SmokeTests(image string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.smoked[image]
}

// NextBuild is the number that the build job's next build gets.
func (w *World) NextBuild() int {
	for n := 1; ; n++ {
		if w.Build.Build(n) == nil {
			return n
		}
	}
}
