package helm

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

var (
	// templatePlace is where in the templates an error happened: `template: chart/templates/x.yaml:5:6` or
	// `at (chart/templates/x.yaml:5:6)`.
	templatePlace = regexp.MustCompile(`(?:template: |error at \()([^:()]+):(\d+)(?::\d+)?\)?`)
	// execPrefix is what text/template says before the cause.
	execPrefix = regexp.MustCompile(`^:? *(?:executing "[^"]*" )?`)
	yamlPlace  = regexp.MustCompile(`^YAML parse error on ([^:]+): (?:error converting YAML to JSON: )?(?:yaml: )?(?:line (\d+): )?`)
)

// templateError rewrites an error of the template engine: the innermost place first, then what led there.
func templateError(err error) error {
	text := err.Error()
	found := templatePlace.FindAllStringSubmatchIndex(text, -1)
	if len(found) == 0 {
		return err
	}
	var places []string
	for _, at := range found {
		places = append(places, fmt.Sprintf("%s line %s", text[at[2]:at[3]], text[at[4]:at[5]]))
	}
	places = slices.Compact(places)
	last := found[len(found)-1]
	cause := execPrefix.ReplaceAllString(text[last[1]:], "")
	slices.Reverse(places)
	from := ""
	if len(places) > 1 {
		from = fmt.Sprintf(" (from %s)", strings.Join(places[1:], ", from "))
	}
	return fmt.Errorf("template %s%s: %s", places[0], from, cause)
}

// yamlError rewrites an error about a template whose output is not YAML.
func yamlError(err error) error {
	text := err.Error()
	at := yamlPlace.FindStringSubmatchIndex(text)
	if at == nil {
		return err
	}
	line := ""
	if at[4] >= 0 {
		line = " at line " + text[at[4]:at[5]] + " of the document"
	}
	return fmt.Errorf("template %s renders invalid YAML%s: %s. Render it with `helm template --debug` to see the text",
		text[at[2]:at[3]], line, text[at[1]:])
}
