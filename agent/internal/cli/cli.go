package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gennaker/gennaker/api/client"
)

// version is stamped by the linker: -X github.com/gennaker/gennaker/agent/internal/cli.version=v1.2.3.
var version string

// Version is the stamped version, else what Go knows of the build.
func Version() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

// Run runs the command line and returns the exit status.
func Run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := &cobra.Command{
		Use:           "gennaker",
		Short:         "A continuous-delivery agent that runs Spinnaker pipelines for Jenkins and Kubernetes",
		SilenceErrors: true, SilenceUsage: true,
	}
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.AddCommand(serveCommand(), triggerCommand(), whyCommand(), eventsCommand(), evalCommand(), storeCommand(),
		doctorCommand(), pluginsCommand(), tokenCommand(), versionCommand())
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	if reported := (*exitError)(nil); !errors.As(err, &reported) {
		fmt.Fprintln(stderr, "gennaker:", err)
	}
	return 1
}

// exitError ends the process with a failure that the command has told about already.
type exitError struct{ error }

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		Run: func(cmd *cobra.Command, _ []string) { fmt.Fprintln(cmd.OutOrStdout(), Version()) },
	}
}

// connect makes a client from GENNAKER_URL, GENNAKER_TOKEN_FILE and GENNAKER_CA.
func connect() (*client.Client, error) {
	options := client.Options{URL: "http://127.0.0.1:8084", CA: os.Getenv("GENNAKER_CA")}
	if url := os.Getenv("GENNAKER_URL"); url != "" {
		options.URL = url
	}
	if file := os.Getenv("GENNAKER_TOKEN_FILE"); file != "" {
		token, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("GENNAKER_TOKEN_FILE: %w", err)
		}
		options.Token = strings.TrimSpace(string(token))
	}
	return client.New(options)
}

const connectHelp = `
The agent is found by the environment:
  GENNAKER_URL         its address (default http://127.0.0.1:8084)
  GENNAKER_TOKEN_FILE  a file that holds an API token
  GENNAKER_CA          a file of certificates to trust`
