package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"

	"github.com/gennaker/gennaker/scripts/testcluster/cluster"
	"github.com/gennaker/gennaker/scripts/testcluster/kubelet"
	"github.com/gennaker/gennaker/scripts/testcluster/serving"
)

type serveFlags struct {
	serving.Flags
	port   int
	images string
}

func serveCommand() *cobra.Command {
	var flags serveFlags
	cmd := &cobra.Command{
		Use:   "serve --dir DIR",
		Short: "Run the cluster until interrupted",
		Long: `Run the cluster until interrupted. Writes DIR/endpoints.json as soon as the
registry answers, DIR/kubeconfig when Pods can be created, and then one line
that starts with READY. Started again in the same folder and with the same
ports, also after a kill, it goes on where it was.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return serve(cmd, flags)
		},
	}
	flags.Register(cmd)
	cmd.Flags().IntVar(&flags.port, "port", 0, "port of the API server (0: a free one)")
	cmd.Flags().StringVar(&flags.images, "images", "", "use the registry of the testregistry that serves this folder")
	return cmd
}

func serve(cmd *cobra.Command, flags serveFlags) (err error) {
	log, err := flags.Prepare("testcluster")
	if err != nil {
		return err
	}
	klog.SetSlogLogger(log)
	rest.SetDefaultWarningHandler(rest.NoWarnings{})
	ctx, cancel := flags.Lifetime(cmd.Context(), cmd.InOrStdin())
	defer cancel()

	at, stop, err := flags.findRegistry(log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	listener, err := net.Listen("tcp", serving.Address(flags.port))
	if err != nil {
		return fmt.Errorf("API server: %w", err)
	}
	at.PID = os.Getpid()
	at.APIServer = "https://" + listener.Addr().String()
	at.Kubeconfig = filepath.Join(flags.Dir, "kubeconfig")
	if err := at.Write(flags.Dir); err != nil {
		return errors.Join(err, listener.Close())
	}
	return runCluster(ctx, flags.Dir, at, listener, func() error {
		_, err := fmt.Fprintln(cmd.OutOrStdout(), "READY", at)
		return err
	})
}

// findRegistry starts the registry, or finds the one to use.
func (f *serveFlags) findRegistry(log *slog.Logger) (at serving.Endpoints, stop func() error, err error) {
	if f.images != "" {
		at, err = serving.ReadEndpoints(f.images)
		return at, func() error { return nil }, err
	}
	server, err := f.StartRegistry(log)
	if err != nil {
		return at, nil, err
	}
	at = serving.Endpoints{Registry: server.Registry(), ECR: server.ECR(), Admin: server.Admin()}
	return at, server.Close, nil
}

func runCluster(ctx context.Context, dir string, at serving.Endpoints, l net.Listener, ready func() error) error {
	ecr, err := url.Parse(at.ECR)
	if err != nil {
		return err
	}
	config := cluster.Config{
		Dir:      dir,
		Listener: l,
		Images:   kubelet.Images{Registry: at.Registry, ECR: ecr.Host, TokenURL: at.Admin + "/token"},
	}
	return cluster.Run(ctx, config, func(kubeconfig []byte) error {
		if err := serving.WriteFile(at.Kubeconfig, kubeconfig); err != nil {
			return err
		}
		return ready()
	})
}
