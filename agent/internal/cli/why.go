package cli

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/gennaker/gennaker/api/echo"
)

func whyCommand() *cobra.Command {
	var master, job string
	var build int64
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "why --master M --job J [--build N]",
		Short: "Say for each pipeline why a build did or did not start it",
		Long:  "Print what every trigger made of a build: fired, and as which execution, or why not, with the values compared.\n" + connectHelp,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			agent, err := connect()
			if err != nil {
				return err
			}
			defer agent.Close()
			query := url.Values{"type": {"build"}, "source": {master}, "name": {job}}
			if build != 0 {
				query.Set("number", strconv.FormatInt(build, 10))
			}
			var events []echo.Event
			if err := agent.Get(cmd.Context(), "/gennaker/events?"+query.Encode(), &events); err != nil {
				return err
			}
			if asJSON {
				encoder := json.NewEncoder(cmd.OutOrStdout())
				encoder.SetIndent("", "  ")
				return encoder.Encode(events)
			}
			return printWhy(cmd, events, master, job, build)
		},
	}
	cmd.Flags().StringVar(&master, "master", "", "name of the Jenkins master")
	cmd.Flags().StringVar(&job, "job", "", "job, for example shop/job/cart")
	cmd.Flags().Int64Var(&build, "build", 0, "number of the build (default: the newest builds)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	for _, name := range []string{"master", "job"} {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err)
		}
	}
	return cmd
}

func printWhy(cmd *cobra.Command, events []echo.Event, master, job string, build int64) error {
	out := cmd.OutOrStdout()
	if len(events) == 0 {
		which := "any build"
		if build != 0 {
			which = fmt.Sprintf("build %d", build)
		}
		return fmt.Errorf("the agent has not seen %s of job %q on master %q finish. "+
			"Only jobs that an enabled trigger names are polled, and builds from before the first look at a job are not events", which, job, master)
	}
	for _, event := range events {
		fmt.Fprintf(out, "build %d of %s on %s, seen %s\n", event.Number, event.Name, event.Source, event.ReceivedAt.Time().Format("2006-01-02 15:04:05.000 MST"))
		if len(event.Verdicts) == 0 {
			fmt.Fprintln(out, "  no enabled trigger named this master and job")
		}
		for _, v := range event.Verdicts {
			fmt.Fprintf(out, "  %s / %s: %s", v.Application, v.Pipeline, v.Outcome)
			if v.ExecutionID != "" {
				fmt.Fprintf(out, " → %s", v.ExecutionID)
			}
			fmt.Fprintf(out, "\n    %s\n", v.Reason)
		}
	}
	return nil
}
