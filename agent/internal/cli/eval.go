package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gennaker/gennaker/agent/spel"
	"github.com/gennaker/gennaker/api/client"
)

// maxInput is the largest document, root or expression that is read, in bytes.
const maxInput = 16 << 20

type evalFlags struct {
	root, document   string
	execution, stage string
	json             bool
}

func evalCommand() *cobra.Command {
	var f evalFlags
	cmd := &cobra.Command{
		Use:   "eval [EXPRESSION]",
		Short: "Evaluate an expression, or all expressions of a pipeline",
		Long: `Evaluate an expression, or with --document all expressions of a JSON document, and print the values. A text without
${ is taken for one expression. "-" reads standard input, as EXPRESSION, --root or --document.

With --execution the agent evaluates, as the execution sees it now, or as its stage sees it. Without, nothing but this
command is needed: the names of an expression are those of the object in --root, such as trigger; and in a document with
stages, each stage also sees its own fields. The exit status is 0 only when everything could be evaluated.
` + connectHelp,
		Example: `  gennaker eval '${trigger.properties["imageName"]}' --execution 01J9ZK0V5W8Y3N --stage 2
  gennaker eval --document pipeline.json --root trigger.json
  echo "#toInt('40') + 2" | gennaker eval -`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.root, "root", "", "JSON file with the names that expressions see")
	flags.StringVar(&f.document, "document", "", "JSON file, for example a pipeline, all of whose expressions are evaluated")
	flags.StringVar(&f.execution, "execution", "", "id of the execution that expressions see")
	flags.StringVar(&f.stage, "stage", "", "with --execution: refId or id of the stage that expressions see")
	flags.BoolVar(&f.json, "json", false, "print JSON")
	cmd.MarkFlagsMutuallyExclusive("root", "execution")
	return cmd
}

func (f *evalFlags) run(cmd *cobra.Command, args []string) error {
	if err := f.check(args); err != nil {
		return err
	}
	ctx, in := cmd.Context(), cmd.InOrStdin()
	root, err := readJSON("--root", f.root, in)
	if err != nil {
		return err
	}
	document, err := readJSON("--document", f.document, in)
	if err != nil {
		return err
	}
	engine := spel.New(spel.Config{})
	evaluate := newEnvs(root, document).evaluator(engine)
	if f.execution != "" {
		agent, err := connect()
		if err != nil {
			return err
		}
		defer agent.Close()
		if evaluate, err = f.remote(ctx, agent, engine); err != nil {
			return err
		}
	}
	if f.document != "" {
		return f.evaluateAll(cmd, document, evaluate)
	}
	text, err := expression(args[0], in)
	if err != nil {
		return err
	}
	if !strings.Contains(text, "${") { // one expression as a whole
		if _, err := engine.Parse(text); err != nil {
			return f.print(cmd, refused(text, err))
		}
		text = "${" + text + "}"
	}
	result, err := evaluate(ctx, place{text: text})
	if err != nil {
		return err
	}
	return f.print(cmd, result)
}

// check refuses what does not fit together.
func (f *evalFlags) check(args []string) error {
	switch {
	case len(args) == 0 && f.document == "":
		return errors.New("expected an expression or --document")
	case len(args) == 1 && f.document != "":
		return errors.New("expected an expression or --document, found both")
	case f.stage != "" && f.execution == "":
		return errors.New("--stage: needs --execution")
	}
	inputs := 0
	for _, name := range append([]string{f.root, f.document}, args...) {
		if name == "-" {
			inputs++
		}
	}
	if inputs > 1 {
		return errors.New(`standard input can be read once: found "-" twice`)
	}
	return nil
}

// remote evaluates on the agent.
func (f *evalFlags) remote(ctx context.Context, agent *client.Client, engine *spel.Engine) (evaluator, error) {
	execution, err := agent.Execution(ctx, f.execution)
	if err != nil {
		return nil, fmt.Errorf("read execution %s: %w", f.execution, err)
	}
	if f.stage == "" {
		return remoteEvaluator(agent, engine, execution, nil), nil
	}
	stage, err := stageOf(execution, f.stage)
	if err != nil {
		return nil, err
	}
	return remoteEvaluator(agent, engine, execution, stage), nil
}

// print prints the value of one expression. What failed is the error.
func (f *evalFlags) print(cmd *cobra.Command, result evaluated) error {
	if f.json {
		if err := printJSON(cmd.OutOrStdout(), result); err != nil {
			return err
		}
		return told(result.Problem)
	}
	if result.Problem != nil {
		return errors.New(result.Problem.detail)
	}
	_, err := fmt.Fprintln(cmd.OutOrStdout(), readable(result.Value))
	return err
}

// found is an expression of a document.
type found struct {
	Path       string `json:"path"`
	Expression string `json:"expression"`
	evaluated
}

// evaluateAll prints the value of each expression of a document.
func (f *evalFlags) evaluateAll(cmd *cobra.Command, document any, evaluate evaluator) error {
	all, failed := []found{}, 0
	for p := range places(document) {
		result, err := evaluate(cmd.Context(), p)
		if err != nil {
			return fmt.Errorf("%s: %w", p.path, err)
		}
		if result.Problem != nil {
			failed++
		}
		all = append(all, found{p.path, p.text, result})
	}
	if err := f.printAll(cmd.OutOrStdout(), all); err != nil {
		return err
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d texts with expressions could not be evaluated", failed, len(all))
	}
	return nil
}

func (f *evalFlags) printAll(out io.Writer, all []found) error {
	if f.json {
		return printJSON(out, all)
	}
	for _, one := range all {
		result := "= " + readable(one.Value)
		if one.Problem != nil {
			result = "failed: " + one.Problem.detail
		}
		if _, err := fmt.Fprintf(out, "%s: %s\n  %s\n", one.Path, one.Expression, indented(result)); err != nil {
			return err
		}
	}
	return nil
}

// told is the failure of a command that has printed what went wrong already.
func told(p *problem) error {
	if p == nil {
		return nil
	}
	return &exitError{errors.New(p.Message)}
}

// indented moves all lines but the first one to the right.
func indented(text string) string { return strings.ReplaceAll(text, "\n", "\n  ") }

// readable is a value for people: a text as it is, anything else as JSON.
func readable(value json.RawMessage) string {
	var text *string
	if json.Unmarshal(value, &text) == nil && text != nil {
		return *text
	}
	var pretty bytes.Buffer
	if json.Indent(&pretty, value, "", "  ") != nil {
		return string(value)
	}
	return pretty.String()
}

func printJSON(out io.Writer, value any) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

// expression is the text to evaluate.
func expression(text string, in io.Reader) (string, error) {
	if text == "-" {
		data, err := readAll(in)
		if err != nil {
			return "", fmt.Errorf("the expression: %w", err)
		}
		text = strings.TrimRight(string(data), "\r\n")
	}
	if strings.TrimSpace(text) == "" {
		return "", errors.New("the expression is empty")
	}
	return text, nil
}

// readJSON reads the JSON file of a flag, or standard input; without a name it is nil.
func readJSON(flag, name string, in io.Reader) (any, error) {
	if name == "" {
		return nil, nil
	}
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", flag, err)
		}
		defer file.Close()
		in = file
	}
	data, err := readAll(in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	value, err := spel.Decode(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", flag, name, err)
	}
	return value, nil
}

// readAll reads to the end, within reason.
func readAll(in io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(in, maxInput+1))
	if err == nil && len(data) > maxInput {
		err = fmt.Errorf("is larger than %d bytes", maxInput)
	}
	return data, err
}
