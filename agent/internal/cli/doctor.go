package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gennaker/gennaker/agent/internal/app"
	"github.com/gennaker/gennaker/agent/internal/doctor"
)

func doctorCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor [--config gennaker.yaml]",
		Short: "Say what is wrong with the agent's store, plugins, masters and accounts, and what to do",
		Long: `Examine what a configuration leads to, beside a running agent or without one: whether something will move each unfinished
execution on, leases and claims of agents that are gone, space, schema, whether each plugin starts, whether each Jenkins
master answers, whether the files of accounts are there. Nothing is changed. "gennaker store check" reads the whole store
besides. The exit status is 1 when there is an error, and 0 when there are warnings only.`,
		Args: cobra.NoArgs,
	}
	load := configFlag(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := load()
		if err != nil {
			return err
		}
		if !cmd.Flags().Changed("config") {
			fmt.Fprintln(cmd.ErrOrStderr(), "without --config, this is about the default configuration")
		}
		report, err := app.Doctor(cmd.Context(), c)
		if err != nil {
			return err
		}
		return printReport(cmd.OutOrStdout(), report, asJSON)
	}
	return cmd
}

// printReport prints a report; one with errors fails.
func printReport(out io.Writer, report doctor.Report, asJSON bool) error {
	print := reportText
	if asJSON {
		print = reportJSON
	}
	err := print(out, report)
	if err == nil && report.Errors > 0 {
		return &exitError{errors.New("the report has errors")}
	}
	return err
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func reportJSON(out io.Writer, report doctor.Report) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(report)
}

func reportText(out io.Writer, report doctor.Report) error {
	var text strings.Builder
	for _, check := range report.Checks {
		mark := "ok     "
		for _, f := range check.Findings {
			if f.Severity == doctor.Error {
				mark = "error  "
				break
			}
			mark = "warning"
		}
		fmt.Fprintf(&text, "%s  %-18s %s\n", mark, check.ID, check.About)
		for _, f := range check.Findings {
			fmt.Fprintf(&text, "         %s: %s\n           why: %s\n           do:  %s\n", f.Severity, f.What, f.Why, f.Do)
		}
	}
	fmt.Fprintf(&text, "%s, %s, %s\n", counted(len(report.Checks), "check"), counted(report.Errors, "error"), counted(report.Warnings, "warning"))
	_, err := io.WriteString(out, text.String())
	return err
}
