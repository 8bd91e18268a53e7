package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gennaker/gennaker/agent/internal/app"
)

func serveCommand() *cobra.Command {
	var check bool
	cmd := &cobra.Command{
		Use:   "serve [--config gennaker.yaml]",
		Short: "Run the agent",
		Long: `Run the agent until it is interrupted. Without a configuration file it runs on defaults: SQLite in the current
folder, the API on 127.0.0.1:8084. It prints the API's address once it serves.`,
		Args: cobra.NoArgs,
	}
	load := configFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := load()
		if err != nil {
			return err
		}
		if check {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), "the configuration is valid")
			return err
		}
		return app.Serve(cmd.Context(), c, Version(), cmd.OutOrStdout(), cmd.ErrOrStderr())
	}
	cmd.Flags().BoolVar(&check, "check", false, "check the configuration and exit")
	return cmd
}
