package imagecmd

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/gennaker/gennaker/scripts/testcluster/serving"
)

// Serve is the command that runs the registry alone. A cluster that is started
// later can use it (testcluster serve --images).
func Serve() *cobra.Command {
	var flags serving.Flags
	cmd := &cobra.Command{
		Use:   "serve --dir DIR",
		Short: "Serve the OCI registry and the ECR stub until interrupted",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return serve(cmd, flags)
		},
	}
	flags.Register(cmd)
	return cmd
}

func serve(cmd *cobra.Command, flags serving.Flags) (err error) {
	log, err := flags.Prepare("registry")
	if err != nil {
		return err
	}
	ctx, cancel := flags.Lifetime(cmd.Context(), cmd.InOrStdin())
	defer cancel()
	server, err := flags.StartRegistry(log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	at := serving.Endpoints{PID: os.Getpid(), Registry: server.Registry(), ECR: server.ECR(), Admin: server.Admin()}
	if err := at.Write(flags.Dir); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(cmd.OutOrStdout(), "READY", at); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}
