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
	// cancelTimeout bounds the cancellation after an interrupt, and how long a start may take until it can be canceled.
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
	if err := f.check(cmd); err != nil {
		return err
	}
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
	// An interrupted start may be one that has happened: only its answer says what to cancel, or what goes on.
	starting, stop := outlive(ctx, cancelTimeout)
	defer stop()
	id, err := agent.Start(starting, f.application, f.pipeline, trigger)
	if ctx.Err() != nil && id == "" {
		return fmt.Errorf("interrupted; pipeline %q of application %q may have been started", f.pipeline, f.application)
	}
	if err != nil {
		return fmt.Errorf("start pipeline %q of application %q: %w", f.pipeline, f.application, err)
	}
	if _, err := fmt.Fprintln(cmd.OutOrStdout(), agent.ExecutionURL(id)); err != nil {
		return err
	}
	if !f.wait {
		return nil
	}
	return f.await(ctx, cmd, agent, id)
}

// check refuses flags that would do nothing.
func (f *triggerFlags) check(cmd *cobra.Command) error {
	for _, name := range []string{"timeout", "cancel-on-interrupt"} {
		if cmd.Flags().Changed(name) && !f.wait {
			return fmt.Errorf("--%s: needs --wait", name)
		}
	}
	if cmd.Flags().Changed("timeout") && f.timeout <= 0 {
		return fmt.Errorf("--timeout: found %v, expected a time above zero", f.timeout)
	}
	return nil
}

// await follows the execution to its end, or until it is enough.
func (f *triggerFlags) await(ctx context.Context, cmd *cobra.Command, agent *client.Client, id string) error {
	waiting, stop := ctx, context.CancelFunc(func() {})
	if f.timeout > 0 {
		waiting, stop = context.WithTimeout(ctx, f.timeout)
	}
	defer stop()
	follower := follower{agent: agent, id: id, out: cmd.OutOrStdout(), notes: cmd.ErrOrStderr(), interval: pollInterval, patience: patience}
	execution, err := follower.follow(waiting)
	switch {
	case err == nil:
		return verdict(execution)
	case ctx.Err() != nil && f.cancel:
		return interrupted(ctx, agent, id)
	case ctx.Err() != nil:
		return fmt.Errorf("interrupted; execution %s goes on", id)
	case waiting.Err() != nil:
		return fmt.Errorf("execution %s is not complete after %v; it goes on", id, f.timeout)
	default:
		return fmt.Errorf("follow execution %s, which goes on: %w", id, err)
	}
}

// outlive is a context that ends some time after another one.
func outlive(ctx context.Context, by time.Duration) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(by, cancel) })
	return longer, func() { stop(); cancel() }
}

// interrupted cancels the execution that an interrupted command was waiting for.
func interrupted(ctx context.Context, agent *client.Client, id string) error {
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

// verdict is nil when the execution succeeded; else it says which stage failed and why.
func verdict(execution *spinnaker.Execution) error {
	if execution.Status == spinnaker.Succeeded {
		return nil
	}
	return errors.New(execution.Failure())
}
