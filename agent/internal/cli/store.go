package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gennaker/gennaker/agent/internal/app"
	"github.com/gennaker/gennaker/agent/internal/config"
)

func storeCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "store", Short: "Back up, check, compact and copy what the agent keeps"}
	cmd.AddCommand(storeBackupCommand(), storeCheckCommand(), storeCompactCommand(), storeCopyCommand())
	return cmd
}

// configFlag adds --config and returns what reads the configuration; without the flag it is the default one.
func configFlag(cmd *cobra.Command) func() (config.Config, error) {
	file := cmd.Flags().String("config", "", "configuration file")
	return func() (config.Config, error) {
		if *file == "" {
			return config.Default(), nil
		}
		return config.Load(*file)
	}
}

func storeBackupCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "backup [--config gennaker.yaml] FILE",
		Short: "Write a copy of the SQLite store into a new file, also while the agent runs",
		Long: `Write what the SQLite store holds now into a new file. The agent may run meanwhile. The copy is checked, and is on the
disk when the command ends. A file that is there already is not replaced.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("found %d arguments, expected one: the file to write", len(args))
			}
			return nil
		},
	}
	load := configFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := load()
		if err != nil {
			return err
		}
		size, err := app.BackupStore(cmd.Context(), c, args[0])
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", args[0], mebibytes(size))
		return err
	}
	return cmd
}

func storeCheckCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check [--config gennaker.yaml | FILE]",
		Short: "Check the SQLite store, or a backup of it, and all that it keeps",
		Long: `Read all that a SQLite store keeps and say what is wrong with it: the file itself, references that lead nowhere,
executions that nothing will move on, bodies that are not what they were. Nothing is changed, and the agent may run
meanwhile. The exit status is 1 when something is wrong.`,
		Args: cobra.MaximumNArgs(1),
	}
	load := configFlag(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := load()
		if err != nil {
			return err
		}
		if len(args) == 1 {
			c.Store = config.Store{Path: args[0]}
		}
		report, err := app.CheckStore(cmd.Context(), c)
		if err != nil {
			return err
		}
		return printReport(cmd.OutOrStdout(), report, asJSON)
	}
	return cmd
}

func storeCompactCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "compact [--config gennaker.yaml]",
		Short: "Give the space of what was deleted from the SQLite store back to the disk",
		Long:  `Rewrite the SQLite store without its free pages. The agent must not run, and the disk must hold the store twice meanwhile.`,
		Args:  cobra.NoArgs,
	}
	load := configFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := load()
		if err != nil {
			return err
		}
		before, after, err := app.CompactStore(cmd.Context(), c)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %s, now %s\n", c.Store.Path, mebibytes(before), mebibytes(after))
		return err
	}
	return cmd
}

func mebibytes(bytes int64) string { return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20)) }

func storeCopyCommand() *cobra.Command {
	var from, to string
	cmd := &cobra.Command{
		Use:   "copy --from sqlite:gennaker.db --to postgres://user@host/database",
		Short: "Copy everything into another, empty store",
		Long: `Copy everything that one store keeps into another one, which must be empty: applications, pipelines with their history,
executions with logs and bodies, events, and who did what. No agent may run on either of them meanwhile. A store is
"sqlite:" and a file, or the URL of a PostgreSQL database; its password is taken from PGPASSWORD.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			counts, err := app.CopyStore(cmd.Context(), from, to, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "copied %d applications, %d versions of pipelines, %d executions with %d bodies, "+
				"%d events, %d candidates, %d starts, the states of %d jobs, %d audit rows\n", counts.Applications, counts.PipelineVersions,
				counts.Executions, counts.Bodies, counts.Events, counts.Candidates, counts.Starts, counts.Jobs, counts.AuditRows)
			return err
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "the store to read")
	cmd.Flags().StringVar(&to, "to", "", "the store to fill")
	for _, name := range []string{"from", "to"} {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err)
		}
	}
	return cmd
}
