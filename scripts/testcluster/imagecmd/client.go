package imagecmd

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/gennaker/gennaker/scripts/testcluster/registry"
	"github.com/gennaker/gennaker/scripts/testcluster/serving"
)

const (
	adminTimeout = 30 * time.Second
	maxAnswer    = 1 << 20 // bytes
)

// Push is the command that pushes a new tiny image.
func Push() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "push NAME:TAG...",
		Short: "Push a new tiny image under each name, making its ECR repository first",
		Long: `Push a new tiny image with random content under each name, making its ECR
repository first. Prints the digest and the full names, one each line.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, names []string) error {
			var pushed registry.Pushed
			if err := call(cmd.Context(), dir, http.MethodPost, "/push", map[string]any{"images": names}, &pushed); err != nil {
				return err
			}
			for _, image := range pushed.Images {
				if _, err := fmt.Fprintln(cmd.OutOrStdout(), image, pushed.Digest); err != nil {
					return err
				}
			}
			return nil
		},
	}
	serving.DirFlag(cmd, &dir)
	return cmd
}

// Fault is the command that makes the registry or the ECR API fail.
func Fault() *cobra.Command {
	var dir string
	var fault registry.Fault
	cmd := &cobra.Command{
		Use:   "fault [registry|ecr KIND | clear]",
		Short: "Make the registry or the ECR API fail, list the faults, or clear them",
		Long:  "Make the registry or the ECR API fail, list the faults (no argument), or clear them.\nKinds: " + strings.Join(registry.Kinds(), ", ") + ".",
		Args:  cobra.MaximumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			method, body := http.MethodGet, any(nil)
			switch {
			case len(args) == 1 && args[0] == "clear":
				method = http.MethodDelete
			case len(args) == 2:
				fault.Target, fault.Kind = args[0], args[1]
				method, body = http.MethodPost, fault
			case len(args) == 1:
				return fmt.Errorf("fault %q: want a target and a kind, or clear", args[0])
			}
			var all []registry.Fault
			if err := call(cmd.Context(), dir, method, "/faults", body, &all); err != nil {
				return err
			}
			return printFaults(cmd.OutOrStdout(), all)
		},
	}
	serving.DirFlag(cmd, &dir)
	cmd.Flags().StringVar(&fault.Operation, "operation", "", "only this ECR operation or HTTP method")
	cmd.Flags().IntVar(&fault.Times, "times", 0, "hit so many requests (0: all)")
	cmd.Flags().StringVar(&fault.Delay, "delay", "", "hold a request for so long")
	return cmd
}

func printFaults(w io.Writer, all []registry.Fault) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if _, err := fmt.Fprintln(table, "TARGET\tOPERATION\tKIND\tDELAY\tTIMES\tHITS"); err != nil {
		return err
	}
	for _, f := range all {
		if _, err := fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%d\t%d\n", f.Target, f.Operation, f.Kind, f.Delay, f.Times, f.Hits); err != nil {
			return err
		}
	}
	return table.Flush()
}

// Clock is the command that moves the registry's clock.
func Clock() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "clock DURATION",
		Short: "Move the registry's clock forward, for example 13h to let ECR tokens expire",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var answer struct{ Now time.Time }
			if err := call(cmd.Context(), dir, http.MethodPost, "/clock", map[string]string{"advance": args[0]}, &answer); err != nil {
				return err
			}
			_, err := fmt.Fprintln(cmd.OutOrStdout(), answer.Now.Format(time.RFC3339))
			return err
		},
	}
	serving.DirFlag(cmd, &dir)
	return cmd
}

// call sends one request to the admin endpoint of the server that uses dir.
func call(ctx context.Context, dir, method, path string, in, out any) error {
	at, err := serving.ReadEndpoints(dir)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, adminTimeout)
	defer cancel()
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, method, at.Admin+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return fmt.Errorf("test registry: %w", err)
	}
	defer answer.Body.Close() //nolint:errcheck // read to its end
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("test registry: %s %s: %w", method, path, err)
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("test registry: %s %s: %s: %s", method, path, answer.Status, bytes.TrimSpace(text))
	}
	return json.Unmarshal(text, out)
}
