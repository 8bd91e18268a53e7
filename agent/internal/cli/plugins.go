package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/gennaker/gennaker/agent/internal/app"
	"github.com/gennaker/gennaker/agent/internal/pluginhost"
)

func pluginsCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "plugins", Short: "Look at the stage plugins"}
	cmd.AddCommand(pluginsListCommand())
	return cmd
}

func pluginsListCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list [--config gennaker.yaml]",
		Short: "List the plugins with their versions and stage types, and whether they start",
		Long: `Start each plugin that the configuration names or that is found in its directory, and print how it fares. A running agent
is not concerned. The exit status is 1 when a plugin does not start.`,
		Args: cobra.NoArgs,
	}
	load := configFlag(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := load()
		if err != nil {
			return err
		}
		found, err := app.Plugins(cmd.Context(), c)
		if err != nil {
			return err
		}
		print := pluginsText
		if asJSON {
			print = pluginsJSON
		}
		if err := print(cmd.OutOrStdout(), found); err != nil {
			return err
		}
		for _, p := range found {
			if p.State != pluginhost.Running {
				return &exitError{errors.New("a plugin does not run")}
			}
		}
		return nil
	}
	return cmd
}

func pluginsText(out io.Writer, found []pluginhost.PluginStatus) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "PLUGIN\tVERSION\tAPI\tSTATE\tSTAGE TYPES")
	for _, p := range found {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", p.Name, orDash(p.Version), orDash(p.APIVersion), p.State, orDash(strings.Join(p.StageTypes, ", ")))
	}
	for _, p := range found {
		if p.Error != "" {
			fmt.Fprintf(w, "\n%s (%s): %s\n", p.Name, p.Path, p.Error)
		}
		for _, conflict := range p.Conflicts {
			fmt.Fprintf(w, "\n%s: %s\n", p.Name, conflict)
		}
	}
	return w.Flush()
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

func pluginsJSON(out io.Writer, found []pluginhost.PluginStatus) error {
	type plugin struct {
		Name       string   `json:"name"`
		Path       string   `json:"path"`
		Version    string   `json:"version"`
		APIVersion string   `json:"apiVersion"`
		State      string   `json:"state"`
		StageTypes []string `json:"stageTypes"`
		Conflicts  []string `json:"conflicts"`
		Error      string   `json:"error,omitempty"`
	}
	list := make([]plugin, len(found))
	for i, p := range found {
		list[i] = plugin{p.Name, p.Path, p.Version, p.APIVersion, string(p.State), append([]string{}, p.StageTypes...),
			append([]string{}, p.Conflicts...), p.Error}
	}
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(list)
}
