package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/spf13/pflag"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
	"k8s.io/kubernetes/cmd/kube-apiserver/app/options"
)

// apiServer is a kube-apiserver that runs in this process.
type apiServer struct {
	cancel context.CancelFunc
	done   chan struct{} // closed when it has ended, after err is set
	err    error
}

// startAPIServer runs the server until stop. It has its own context, because
// it has to end after the parts that use it.
func startAPIServer(l net.Listener, etcdURL string, k *keys) *apiServer {
	ctx, cancel := context.WithCancel(context.Background())
	s := &apiServer{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		s.err = runAPIServer(ctx, l, etcdURL, k)
	}()
	return s
}

func (s *apiServer) stop() error {
	s.cancel()
	<-s.done
	if s.err != nil {
		return fmt.Errorf("API server: %w", s.err)
	}
	return nil
}

// runAPIServer does what the command kube-apiserver does, without its signal
// handler and its global flags.
func runAPIServer(ctx context.Context, l net.Listener, etcdURL string, k *keys) error {
	defer l.Close() //nolint:errcheck // closed by the server already, if it came to serve
	s := options.NewServerRunOptions()
	flags := pflag.NewFlagSet("kube-apiserver", pflag.ContinueOnError)
	for _, set := range s.Flags().FlagSets {
		flags.AddFlagSet(set)
	}
	if err := flags.Parse(apiServerFlags(etcdURL, k)); err != nil {
		return err
	}
	s.SecureServing.Listener = l
	s.SecureServing.BindPort = l.Addr().(*net.TCPAddr).Port
	if err := s.GenericServerRunOptions.ComponentGlobalsRegistry.Set(); err != nil {
		return err
	}
	completed, err := s.Complete(ctx)
	if err != nil {
		return err
	}
	if errs := completed.Validate(); len(errs) > 0 {
		return utilerrors.NewAggregate(errs)
	}
	return app.Run(ctx, completed)
}

func apiServerFlags(etcdURL string, k *keys) []string {
	return []string{
		"--etcd-servers=" + etcdURL,
		"--bind-address=127.0.0.1",
		"--advertise-address=127.0.0.1",
		"--tls-cert-file=" + k.file(servingFile),
		"--tls-private-key-file=" + k.file(servingKeyFile),
		"--client-ca-file=" + k.file(caFile),
		"--token-auth-file=" + k.file(tokensFile),
		"--authorization-mode=RBAC",
		"--requestheader-client-ca-file=" + k.file(caFile),
		"--requestheader-allowed-names=front-proxy",
		"--requestheader-username-headers=X-Remote-User",
		"--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--service-cluster-ip-range=10.96.0.0/16",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-signing-key-file=" + k.file(accountKeyFile),
		"--service-account-key-file=" + k.file(accountKeyFile),
		"--endpoint-reconciler-type=none", // loopback is no valid Endpoints address
		"--kubelet-preferred-address-types=InternalIP",
		"--allow-privileged",
		"--profiling=false",
	}
}

// waitReady waits until the server says that it is ready.
func (s *apiServer) waitReady(ctx context.Context, client kubernetes.Interface) error {
	var last error
	err := wait.PollUntilContextTimeout(ctx, pollEvery, startTimeout, true, func(ctx context.Context) (bool, error) {
		select {
		case <-s.done:
			return false, errors.New("it ended")
		default:
		}
		last = client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
		return last == nil, nil
	})
	if err != nil {
		return fmt.Errorf("wait for the API server: %w", errors.Join(err, last))
	}
	return nil
}
