package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/gennaker/gennaker/api/client"
	"github.com/gennaker/gennaker/api/echo"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// question is what `why` is asked about: an event, the builds of a job, events of a kind, or those of a pipeline.
type question struct {
	event                 string
	master, job           string
	build                 int64
	kind, source, name    string
	application, pipeline string
	limit                 int
	asJSON                bool
}

func whyCommand() *cobra.Command {
	var q question
	cmd := &cobra.Command{
		Use:   "why {EVENT | --master M --job J [--build N] | --type T [--source S] [--name N] | --application A --pipeline P}",
		Short: "Say for each pipeline why an event did or did not start it",
		Long: "Print what every trigger made of an event: fired, and as which execution, or why not, with the values compared.\n" +
			"Events are named by their id (a webhook's answer holds its eventId), by build, by type and source, or by pipeline.\n" + connectHelp,
		Example: "  gennaker why --master ci --job shop/job/cart --build 42\n  gennaker why --type git --source github --name shop/cart\n" +
			"  gennaker why --application shop --pipeline deploy",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				q.event = args[0]
			}
			if err := q.check(); err != nil {
				return err
			}
			agent, err := connect()
			if err != nil {
				return err
			}
			defer agent.Close()
			events, err := q.ask(cmd.Context(), agent)
			if err != nil {
				return err
			}
			if q.asJSON {
				return printJSON(cmd.OutOrStdout(), events)
			}
			if len(events) == 0 {
				return errors.New(q.nothing())
			}
			for _, event := range events {
				printEvent(cmd.OutOrStdout(), event)
			}
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&q.master, "master", "", "name of the Jenkins master")
	flags.StringVar(&q.job, "job", "", "job, for example shop/job/cart")
	flags.Int64Var(&q.build, "build", 0, "number of the build (default: the newest builds)")
	flags.StringVar(&q.kind, "type", "", "type of the events: build, webhook, git, pubsub, cron, pipeline …")
	flags.StringVar(&q.source, "source", "", "their source, for example github")
	flags.StringVar(&q.name, "name", "", "their name, for example shop/cart")
	flags.StringVar(&q.application, "application", "", "application of the pipeline")
	flags.StringVar(&q.pipeline, "pipeline", "", "name or id of a pipeline: the events that its triggers have verdicts on")
	flags.IntVar(&q.limit, "limit", 10, "how many events at most, the newest")
	flags.BoolVar(&q.asJSON, "json", false, "print JSON")
	return cmd
}

// check refuses what is no question, or two.
func (q question) check() error {
	asked := 0
	for _, what := range []bool{q.event != "", q.master != "" || q.job != "", q.kind != "", q.application != "" || q.pipeline != ""} {
		if what {
			asked++
		}
	}
	switch {
	case asked != 1:
		return errors.New("give one of: an event's id, --master and --job, --type, or --application and --pipeline")
	case (q.master == "") != (q.job == ""):
		return errors.New("--master and --job belong together")
	case (q.application == "") != (q.pipeline == ""):
		return errors.New("--application and --pipeline belong together")
	case q.kind == "" && (q.source != "" || q.name != ""):
		return errors.New("--source and --name need --type")
	}
	return nil
}

func (q question) ask(ctx context.Context, agent *client.Client) ([]echo.Event, error) {
	if q.event != "" {
		var event echo.Event
		err := agent.Get(ctx, "/gennaker/events/"+url.PathEscape(q.event), &event)
		return []echo.Event{event}, err
	}
	query := url.Values{"limit": {strconv.Itoa(q.limit)}}
	path := "/gennaker/events"
	switch {
	case q.master != "":
		query.Set("type", "build")
		query.Set("source", q.master)
		query.Set("name", q.job)
		if q.build != 0 {
			query.Set("number", strconv.FormatInt(q.build, 10))
		}
	case q.kind != "":
		query.Set("type", q.kind)
		query.Set("source", q.source)
		query.Set("name", q.name)
	default:
		var p spinnaker.Pipeline
		found := "/applications/" + url.PathEscape(q.application) + "/pipelineConfigs/" + url.PathEscape(q.pipeline)
		if err := agent.Get(ctx, found, &p); err != nil {
			return nil, err
		}
		path = "/gennaker/pipelines/" + url.PathEscape(p.ID) + "/events"
	}
	var events []echo.Event
	err := agent.Get(ctx, path+"?"+query.Encode(), &events)
	return events, err
}

// nothing says what it means that there are no such events.
func (q question) nothing() string {
	switch {
	case q.master != "":
		which := "any build"
		if q.build != 0 {
			which = fmt.Sprintf("build %d", q.build)
		}
		return fmt.Sprintf("the agent has not seen %s of job %q on master %q finish. "+
			"Only jobs that an enabled trigger names are polled, and builds from before the first look at a job are not events", which, q.job, q.master)
	case q.kind != "":
		return fmt.Sprintf("no event of type %q has come%s", q.kind, q.from())
	default:
		return fmt.Sprintf("no event has come that a trigger of pipeline %q of application %q could have meant", q.pipeline, q.application)
	}
}

func (q question) from() string {
	text := ""
	if q.source != "" {
		text += fmt.Sprintf(" from source %q", q.source)
	}
	if q.name != "" {
		text += fmt.Sprintf(" for %q", q.name)
	}
	return text
}

// printEvent shows an event with the verdicts on it.
func printEvent(out io.Writer, event echo.Event) {
	fmt.Fprintf(out, "%s, seen %s, event %s\n", headline(event), event.ReceivedAt.Time().Format("2006-01-02 15:04:05.000 MST"), event.ID)
	if len(event.Verdicts) == 0 {
		fmt.Fprintln(out, "  no trigger names this "+aim(event.Type))
	}
	for _, v := range event.Verdicts {
		if v.PipelineConfigID == "" { // it is about further triggers
			fmt.Fprintf(out, "  %s\n", v.Reason)
			continue
		}
		fmt.Fprintf(out, "  %s / %s: %s", v.Application, v.Pipeline, v.Outcome)
		if v.ExecutionID != "" {
			fmt.Fprintf(out, " → %s", v.ExecutionID)
		}
		fmt.Fprintf(out, "\n    %s\n", v.Reason)
	}
}

func headline(event echo.Event) string {
	switch event.Type {
	case "build":
		return fmt.Sprintf("build %d of %s on %s", event.Number, event.Name, event.Source)
	case "manual":
		return fmt.Sprintf("start by hand of %s / %s", event.Source, event.Name)
	case "pipeline":
		return "end of pipeline " + event.Name
	}
	text := event.Type + " " + event.Source
	if event.Name != "" {
		text += " " + event.Name
	}
	return text
}

// aim is what the triggers on events of a type name.
func aim(eventType string) string {
	switch eventType {
	case "build":
		return "master and job"
	case "git":
		return "host, project and slug"
	case "pubsub":
		return "system and subscription"
	default:
		return "source"
	}
}
