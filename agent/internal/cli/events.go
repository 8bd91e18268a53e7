package cli

import (
	"net/url"

	"github.com/spf13/cobra"

	"github.com/gennaker/gennaker/api/echo"
)

func eventsCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "events", Short: "Work with accepted events", Args: cobra.NoArgs}
	cmd.AddCommand(replayCommand())
	return cmd
}

func replayCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "replay EVENT",
		Short: "Say what an event would start now",
		Long: "Match an accepted event against the triggers as they are now, and print what would start. Nothing is started.\n" +
			"Property files are looked up again.\n" + connectHelp,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			agent, err := connect()
			if err != nil {
				return err
			}
			defer agent.Close()
			var event echo.Event
			if err := agent.Get(cmd.Context(), "/gennaker/events/"+url.PathEscape(args[0])+"/replay", &event); err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), event)
			}
			printEvent(cmd.OutOrStdout(), event)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
