package kubecmd

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/gennaker/gennaker/scripts/testcluster/serving"
)

// connection is how a command finds its cluster.
type connection struct {
	dir, kubeconfig string
	namespace       string
}

func (c *connection) register(cmd *cobra.Command) {
	serving.DirFlag(cmd, &c.dir)
	cmd.Flags().StringVar(&c.kubeconfig, "kubeconfig", "", "kubeconfig file (default: DIR/kubeconfig, then $KUBECONFIG)")
	cmd.Flags().StringVarP(&c.namespace, "namespace", "n", "default", "namespace")
}

// path is the kubeconfig to use.
func (c *connection) path() (string, error) {
	path := c.kubeconfig
	if path == "" && c.dir != "" {
		path = filepath.Join(c.dir, "kubeconfig")
	}
	if path = cmp.Or(path, os.Getenv(clientcmd.RecommendedConfigPathEnvVar)); path == "" {
		return "", fmt.Errorf("no cluster: give --dir or --kubeconfig, or set %s or %s",
			serving.DirVariable, clientcmd.RecommendedConfigPathEnvVar)
	}
	return path, nil
}

func (c *connection) config() (*rest.Config, error) {
	path, err := c.path()
	if err != nil {
		return nil, err
	}
	config, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		return nil, err
	}
	config.QPS = -1 // the server limits well enough
	return config, nil
}
