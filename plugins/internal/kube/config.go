package kube

import (
	"fmt"
	"os"
	"strings"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

const (
	// defaultRequestTimeout bounds a request where the account does not say. A step's own deadline is shorter.
	defaultRequestTimeout = 30 * time.Second
	// clientQPS and clientBurst replace client-go's 5 and 10, which make a large chart crawl; the API server's own
	// priority and fairness is what protects it.
	clientQPS   = 50
	clientBurst = 100

	fallbackNamespace = "default"
	podNamespaceFile  = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"
)

// restConfig makes the client configuration and finds the namespace for objects without one.
func (s Settings) restConfig() (*rest.Config, string, error) {
	config, namespace, err := s.connection()
	if err != nil {
		return nil, "", err
	}
	if s.DefaultNamespace != "" {
		namespace = s.DefaultNamespace
	}
	if namespace == "" {
		namespace = fallbackNamespace
	}
	config.QPS = clientQPS
	config.Burst = clientBurst
	config.Timeout = s.requestTimeout()
	config.UserAgent = "gennaker-stage-deploy"
	config.WarningHandlerWithContext = warningHandler{}
	return config, namespace, nil
}

func (s Settings) connection() (*rest.Config, string, error) {
	if s.ServiceAccount {
		config, err := rest.InClusterConfig()
		if err != nil {
			return nil, "", fmt.Errorf("serviceAccount: true: %w", err)
		}
		namespace, err := os.ReadFile(podNamespaceFile)
		if err != nil && !os.IsNotExist(err) {
			return nil, "", fmt.Errorf("serviceAccount: true: %w", err)
		}
		return config, strings.TrimSpace(string(namespace)), nil
	}
	kubeconfig, err := s.kubeconfig()
	if err != nil {
		return nil, "", err
	}
	if err := s.checkUser(kubeconfig); err != nil {
		return nil, "", err
	}
	client := clientcmd.NewNonInteractiveClientConfig(*kubeconfig, s.Context, &clientcmd.ConfigOverrides{}, nil)
	config, err := client.ClientConfig()
	if err != nil {
		return nil, "", fmt.Errorf("kubeconfig: %w", err)
	}
	namespace, _, err := client.Namespace()
	if err != nil {
		return nil, "", fmt.Errorf("kubeconfig: %w", err)
	}
	return config, namespace, nil
}

func (s Settings) kubeconfig() (*api.Config, error) {
	if s.KubeconfigFile == "" {
		config, err := clientcmd.Load([]byte(s.KubeconfigContents))
		if err != nil {
			return nil, fmt.Errorf("kubeconfigContents is no kubeconfig") // the parser's error may quote a secret
		}
		return config, nil
	}
	config, err := clientcmd.LoadFromFile(s.KubeconfigFile)
	if os.IsNotExist(err) || os.IsPermission(err) {
		return nil, fmt.Errorf("kubeconfigFile: %w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("kubeconfigFile %s is no kubeconfig", s.KubeconfigFile)
	}
	if err := clientcmd.ResolveLocalPaths(config); err != nil {
		return nil, fmt.Errorf("kubeconfigFile %s: %w", s.KubeconfigFile, err)
	}
	return config, nil
}

// checkUser finds the user that the kubeconfig means and refuses programs that nobody allowed.
func (s Settings) checkUser(config *api.Config) error {
	name := s.Context
	if name == "" {
		name = config.CurrentContext
	}
	kubeContext, ok := config.Contexts[name]
	if !ok {
		return fmt.Errorf("the kubeconfig has no context %q; it has %q", name, contextNames(config))
	}
	user := config.AuthInfos[kubeContext.AuthInfo]
	if user != nil && user.Exec != nil && !s.AllowExec {
		return fmt.Errorf("the kubeconfig's user %q runs the program %q for its credentials; set allowExec: true in the account to permit that", kubeContext.AuthInfo, user.Exec.Command)
	}
	return nil
}
