// Command testregistry is the registry half of testcluster alone: it builds in
// seconds, so images and ECR are there while the cluster is still compiled.
package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/gennaker/gennaker/scripts/testcluster/imagecmd"
)

func main() {
	root := &cobra.Command{
		Use:          "testregistry",
		Short:        "An OCI registry and an ECR stub for tests",
		SilenceUsage: true,
	}
	root.AddCommand(imagecmd.Serve(), imagecmd.Push(), imagecmd.Fault(), imagecmd.Clock())
	if root.Execute() != nil { // cobra has printed the error
		os.Exit(1)
	}
}
