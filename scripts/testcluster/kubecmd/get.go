package kubecmd

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/util/jsonpath"
)

const (
	getTimeout  = 30 * time.Second
	acceptTable = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
	acceptJSON  = "application/json"
)

// Get is the command that shows objects.
func Get() *cobra.Command {
	var to connection
	var output string
	cmd := &cobra.Command{
		Use:   "get RESOURCE [NAME]",
		Short: "Show objects of any kind",
		Long: `Show objects of any kind. -o is table (default), name, json, jsonpath=TEMPLATE,
or image: the images of a workload's containers, after its name where no NAME is given.`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			config, err := to.config()
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), getTimeout)
			defer cancel()
			g := getter{to.namespace, args[0], strings.Join(args[1:], "")}
			return g.print(ctx, cmd.OutOrStdout(), config, output)
		},
	}
	to.register(cmd)
	cmd.Flags().StringVarP(&output, "output", "o", "table", "table, name, image, json or jsonpath=TEMPLATE")
	return cmd
}

// getter is what to get: all objects of a resource, or one.
type getter struct{ namespace, resource, name string }

func (g getter) print(ctx context.Context, w io.Writer, config *rest.Config, output string) error {
	client, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return err
	}
	url, err := g.path(client)
	if err != nil {
		return err
	}
	accept := acceptJSON
	if output == "table" {
		accept = acceptTable
	}
	body, err := client.RESTClient().Get().AbsPath(url).SetHeader("Accept", accept).DoRaw(ctx)
	if err != nil {
		return fmt.Errorf("get %s: %w", url, err)
	}
	template, isPath := strings.CutPrefix(output, "jsonpath=")
	switch {
	case output == "table":
		return printTable(w, body)
	case output == "json":
		_, err = w.Write(append(body, '\n'))
		return err
	case output == "image" || output == "name":
		return g.printNames(w, body, output == "image")
	case isPath:
		return printPath(w, body, template)
	}
	return fmt.Errorf("output %q: want table, name, image, json or jsonpath=TEMPLATE", output)
}

// path finds the resource, by any of its names, and returns its API path.
func (g getter) path(client *discovery.DiscoveryClient) (string, error) {
	cached := memory.NewMemCacheClient(client)
	mapper := restmapper.NewShortcutExpander(restmapper.NewDeferredDiscoveryRESTMapper(cached), cached, nil)
	gr := schema.ParseGroupResource(g.resource)
	gvk, err := mapper.KindFor(gr.WithVersion(""))
	if err != nil {
		return "", err
	}
	mapping, err := mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
	if err != nil {
		return "", err
	}
	parts := []string{"/apis", mapping.Resource.Group, mapping.Resource.Version}
	if mapping.Resource.Group == "" {
		parts = []string{"/api", mapping.Resource.Version}
	}
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		parts = append(parts, "namespaces", g.namespace)
	}
	return path.Join(append(parts, mapping.Resource.Resource, g.name)...), nil
}

func printTable(w io.Writer, body []byte) error {
	var table metav1.Table
	if err := json.Unmarshal(body, &table); err != nil {
		return err
	}
	out := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	row := func(cell func(i int) any) error {
		var cells []string
		for i, column := range table.ColumnDefinitions {
			if column.Priority == 0 {
				cells = append(cells, fmt.Sprint(cell(i)))
			}
		}
		_, err := fmt.Fprintln(out, strings.Join(cells, "\t"))
		return err
	}
	if err := row(func(i int) any { return strings.ToUpper(table.ColumnDefinitions[i].Name) }); err != nil {
		return err
	}
	for _, r := range table.Rows {
		if err := row(func(i int) any { return r.Cells[i] }); err != nil {
			return err
		}
	}
	return out.Flush()
}

// printNames prints one line for each object: its name, its images, or both.
func (g getter) printNames(w io.Writer, body []byte, withImages bool) error {
	var content map[string]any
	if err := json.Unmarshal(body, &content); err != nil {
		return err
	}
	objects := []any{content}
	if g.name == "" {
		objects, _, _ = unstructured.NestedSlice(content, "items")
	}
	for _, o := range objects {
		object, _ := o.(map[string]any)
		name, _, _ := unstructured.NestedString(object, "metadata", "name")
		line := name
		if withImages {
			line = strings.Join(images(object), ",")
			if g.name == "" {
				line = name + "\t" + line
			}
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}

// images are those of a Pod's containers, or of the template of a workload.
func images(object map[string]any) []string {
	var all []string
	for _, at := range [][]string{
		{"spec", "containers"},
		{"spec", "template", "spec", "containers"},
		{"spec", "jobTemplate", "spec", "template", "spec", "containers"},
	} {
		containers, _, _ := unstructured.NestedSlice(object, at...)
		for _, c := range containers {
			container, _ := c.(map[string]any)
			image, _, _ := unstructured.NestedString(container, "image")
			all = append(all, image)
		}
	}
	return all
}

func printPath(w io.Writer, body []byte, template string) error {
	var content any
	if err := json.Unmarshal(body, &content); err != nil {
		return err
	}
	p := jsonpath.New("output")
	if err := p.Parse(template); err != nil {
		return err
	}
	if err := p.Execute(w, content); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w)
	return err
}
