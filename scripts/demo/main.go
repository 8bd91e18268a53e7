// Command demo shows the main job from end to end: a Jenkins build finishes, Gennaker sees it, bakes the Helm chart with the
// build's image, deploys it to a real Kubernetes API server and tests it. Everything it starts ends with it.
//
// It is run by `make demo`. Environment:
//
//	KEEP=1             leave all of it running until interrupted
//	DEMO_KUBECONFIG=F  use this cluster instead of the test cluster
//	CHART=F VALUES=F   use this chart archive and values file
//	REMOVED_APIS=convert  convert objects of API versions that the cluster no longer serves
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/gennaker/gennaker/scripts/demo/world"
)

// options are what the environment says.
type options struct {
	keep        bool
	kubeconfig  string
	chart       string
	values      string
	removedAPIs string
}

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := demo(ctx, options{
		keep:        os.Getenv("KEEP") != "",
		kubeconfig:  os.Getenv("DEMO_KUBECONFIG"),
		chart:       os.Getenv("CHART"),
		values:      os.Getenv("VALUES"),
		removedAPIs: os.Getenv("REMOVED_APIS"),
	})
	switch {
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		fmt.Println("demo: interrupted")
		return 130
	case err != nil:
		fmt.Println("demo: FAILED:", err)
		return 1
	default:
		return 0
	}
}

// demo runs the whole show in a fresh folder that is removed at the end.
func demo(ctx context.Context, o options) (err error) {
	began := time.Now()
	dir, err := os.MkdirTemp("", "gennaker-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	w, err := world.New(world.Options{Root: ".", Dir: dir, Chart: o.chart, Values: o.values, RemovedAPIs: o.removedAPIs, Say: say})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	d := &show{World: w}

	cluster, err := d.findCluster(ctx, o.kubeconfig)
	if err != nil {
		return err
	}
	if err := w.UseCluster(ctx, cluster); err != nil {
		return err
	}
	if err := d.startAgent(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.agent.Stop()) }()
	times, err := d.deliver(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("demo: SUCCEEDED in %.1f s (%s)\n", time.Since(began).Seconds(), times)
	if o.keep {
		d.printKept()
		<-ctx.Done()
	}
	return nil
}
