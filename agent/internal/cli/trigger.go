package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/gennaker/gennaker/api/client"
	"github.com/gennaker/gennaker/api/spinnaker"
	"github.com/gennaker/gennaker/jenkins/properties"
)

const (
	// pollInterval is the time between two looks at a running execution.
	pollInterval = time.Second
	// cancelTimeout bounds the cancellation after an interrupt.
	cancelTimeout = 10 * time.Second
	// maxProperties is the largest property file, in bytes.
	maxProperties = 1 << 20
)

type triggerFlags struct {
	application, pipeline string
	params                []string
	properties            string
	master, job, build    string
	wait, cancel          bool
	timeout               time.Duration
}

func triggerCommand() *cobra.Command {
	var f triggerFlags
	cmd := &cobra.Command{
		Use:   "trigger --application A --pipeline P",
		Short: "Start a pipeline, for example from a Jenkinsfile, and wait for it",
		Long: `Start a pipeline and print the URL of its execution. With --wait, print each stage as it goes and exit with 0 only
when the execution succeeds.

A pipeline that also has a Jenkins trigger on the same job starts twice: once by this step, once by the trigger.
Use one of them.
` + connectHelp,
		Example: `  gennaker trigger --application shipandspin --pipeline shipit-eks-staging \
    --properties build.properties --build "$BUILD_NUMBER" --wait --cancel-on-interrupt`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.application, "application", "", "application of the pipeline")
	flags.StringVar(&f.pipeline, "pipeline", "", "name or id of the pipeline")
	flags.StringArrayVar(&f.params, "param", nil, "a pipeline parameter as key=value; repeat for more")
	flags.StringVar(&f.properties, "properties", "", "property file that becomes trigger.properties")
	flags.StringVar(&f.master, "master", "", "Jenkins master of the build; with --job and --build the agent reads the build itself")
	flags.StringVar(&f.job, "job", "", "job of the build, for example shop/job/cart")
	flags.StringVar(&f.build, "build", "", "number of the build")
	flags.BoolVar(&f.wait, "wait", false, "wait until the execution is complete")
	flags.BoolVar(&f.cancel, "cancel-on-interrupt", false, "with --wait: cancel the execution when this command is interrupted")
	flags.DurationVar(&f.timeout, "timeout", 0, "with --wait: give up waiting after this time (default: never)")
	for _, name := range []string{"application", "pipeline"} {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err)
		}
	}
	return cmd
}

func (f *triggerFlags) run(cmd *cobra.Command) error {
	trigger, err := f.trigger()
	if err != nil {
		return err
	}
	agent, err := connect()
	if err != nil {
		return err
	}
	defer agent.Close()
	ctx := cmd.Context()
	id, err := agent.Start(ctx, f.application, f.pipeline, trigger)
	if err != nil {
		return fmt.Errorf("start pipeline %q of application %q: %w", f.pipeline, f.application, err)
	}
	out := cmd.OutOrStdout()
	fmt.Fprintln(out, agent.ExecutionURL(id))
	if !f.wait {
		return nil
	}
	waiting := ctx
	if f.timeout > 0 {
		var stop context.CancelFunc
		waiting, stop = context.WithTimeout(ctx, f.timeout)
		defer stop()
	}
	execution, err := follow(waiting, agent, id, out)
	switch {
	case err == nil:
		return verdict(execution)
	case errors.Is(ctx.Err(), context.Canceled) && f.cancel:
		return f.interrupted(ctx, agent, id)
	case waiting.Err() != nil && ctx.Err() == nil:
		return fmt.Errorf("execution %s is not complete after %v; it goes on", id, f.timeout)
	default:
		return fmt.Errorf("follow execution %s: %w", id, err)
	}
}

// interrupted cancels the execution that an interrupted command was waiting for.
func (f *triggerFlags) interrupted(ctx context.Context, agent *client.Client, id string) error {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), cancelTimeout)
	defer stop()
	if err := agent.Cancel(ctx, id, "gennaker trigger was interrupted"); err != nil {
		return fmt.Errorf("interrupted; cancel execution %s: %w", id, err)
	}
	return fmt.Errorf("interrupted; canceled execution %s", id)
}

// trigger makes the trigger that the flags describe. Its correlationId makes the start safe to repeat.
func (f *triggerFlags) trigger() (spinnaker.Trigger, error) {
	parameters := map[string]any{}
	for _, param := range f.params {
		key, value, ok := strings.Cut(param, "=")
		if !ok || key == "" {
			return nil, fmt.Errorf("--param: found %q, expected key=value", param)
		}
		parameters[key] = value
	}
	trigger := spinnaker.Trigger{"type": "manual", "parameters": parameters, "correlationId": uuid.NewString()}
	if f.build != "" {
		if n, err := strconv.ParseInt(f.build, 10, 64); err != nil || n < 1 {
			return nil, fmt.Errorf("--build: found %q, expected a build number", f.build)
		}
		trigger["buildNumber"] = json.Number(f.build)
	}
	if f.master != "" {
		trigger["master"] = f.master
	}
	if f.job != "" {
		trigger["job"] = f.job
	}
	if f.properties != "" {
		parsed, err := readProperties(f.properties)
		if err != nil {
			return nil, err
		}
		trigger["properties"] = parsed
	}
	return trigger, nil
}

func readProperties(path string) (map[string]any, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("--properties: %w", err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxProperties+1))
	if err != nil {
		return nil, fmt.Errorf("--properties: %w", err)
	}
	if len(data) > maxProperties {
		return nil, fmt.Errorf("--properties: %s is larger than %d bytes", path, maxProperties)
	}
	parsed, err := properties.Parse(path, data)
	if err != nil {
		return nil, fmt.Errorf("--properties: %w", err)
	}
	return parsed.Values, nil
}

// follow prints the changes of an execution until it is complete.
func follow(ctx context.Context, agent *client.Client, id string, out io.Writer) (*spinnaker.Execution, error) {
	shown := map[string]string{}
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		execution, err := agent.Execution(ctx, id)
		if err != nil {
			return nil, err
		}
		printChanges(out, execution, shown)
		if execution.Status.Complete() {
			return execution, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-ticker.C:
		}
	}
}

// printChanges prints the stages whose status or message is new.
func printChanges(out io.Writer, execution *spinnaker.Execution, shown map[string]string) {
	for _, stage := range execution.Stages {
		if stage.Status == spinnaker.NotStarted {
			continue
		}
		line := stage.Progress()
		if shown[stage.ID] == line {
			continue
		}
		shown[stage.ID] = line
		fmt.Fprintf(out, "%s  %-20s %s\n", time.Now().Format(time.TimeOnly), stage.Name, line)
	}
}

// verdict is nil when the execution succeeded; else it says which stage failed and why.
func verdict(execution *spinnaker.Execution) error {
	if execution.Status == spinnaker.Succeeded {
		return nil
	}
	return errors.New(execution.Failure())
}
