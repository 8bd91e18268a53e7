// Command testcluster is a Kubernetes cluster for tests and the demo, in one
// process: a real control plane, stand-in kubelets, an OCI registry and an ECR
// stub. See README.md.
package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/gennaker/gennaker/scripts/testcluster/imagecmd"
	"github.com/gennaker/gennaker/scripts/testcluster/kubecmd"
)

func main() {
	root := &cobra.Command{
		Use:          "testcluster",
		Short:        "A Kubernetes cluster, an OCI registry and an ECR stub for tests",
		SilenceUsage: true,
	}
	root.AddCommand(serveCommand(), kubecmd.Get(), kubecmd.Wait(), imagecmd.Push(), imagecmd.Fault(), imagecmd.Clock())
	if root.Execute() != nil { // cobra has printed the error
		os.Exit(1)
	}
}
