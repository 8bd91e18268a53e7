package jenkinstest_test

import (
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"testing"
)

// createReal makes a job on a real master by its configuration XML, and deletes
// it when the test ends.
func (r *rig) createReal(t *testing.T, spec jobSpec) string {
	t.Helper()
	name := fmt.Sprintf("gennaker-contract-%d-%s", rand.IntN(1_000_000), spec.name)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.url+"/createItem?name="+url.QueryEscape(name), strings.NewReader(spec.xml()))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/xml;charset=utf-8")
	request.SetBasicAuth(r.user, r.token)
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil || response.StatusCode >= 400 {
		t.Fatal("create ", name, ": ", response.Status, err)
	}
	t.Cleanup(func() {
		request, err := http.NewRequest(http.MethodPost, r.url+jobURL(name)+"/doDelete", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.SetBasicAuth(r.user, r.token)
		response, err := http.DefaultTransport.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		if err := response.Body.Close(); err != nil || response.StatusCode >= 400 {
			t.Error("delete ", name, ": ", response.Status, err)
		}
	})
	return name
}

// xml is the configuration of a freestyle job with one shell step.
func (spec jobSpec) xml() string {
	escape := func(s string) string {
		var b strings.Builder
		if err := xml.EscapeText(&b, []byte(s)); err != nil {
			panic(err) // a strings.Builder does not fail
		}
		return b.String()
	}
	var properties, publishers strings.Builder
	for _, p := range spec.parameters {
		class := "hudson.model." + p.Type + "ParameterDefinition"
		fmt.Fprintf(&properties, "<%s><name>%s</name>", class, escape(p.Name))
		if p.Type == "Choice" {
			properties.WriteString(`<choices class="java.util.Arrays$ArrayList"><a class="string-array">`)
			for _, choice := range p.Choices {
				properties.WriteString("<string>" + escape(choice) + "</string>")
			}
			properties.WriteString("</a></choices>")
		} else {
			value := p.Default
			if p.Type == "Boolean" {
				value = strconv.FormatBool(value == "true")
			}
			properties.WriteString("<defaultValue>" + escape(value) + "</defaultValue>")
		}
		properties.WriteString("</" + class + ">")
	}
	wrapped := ""
	if properties.Len() > 0 {
		wrapped = "<hudson.model.ParametersDefinitionProperty><parameterDefinitions>" + properties.String() +
			"</parameterDefinitions></hudson.model.ParametersDefinitionProperty>"
	}
	if len(spec.files) > 0 {
		publishers.WriteString("<hudson.tasks.ArtifactArchiver><artifacts>**</artifacts></hudson.tasks.ArtifactArchiver>")
	}
	return fmt.Sprintf(`<project><properties>%s</properties><disabled>%t</disabled><concurrentBuild>%t</concurrentBuild>`+
		`<builders><hudson.tasks.Shell><command>%s</command></hudson.tasks.Shell></builders><publishers>%s</publishers></project>`,
		wrapped, spec.disabled, spec.concurrent, escape(spec.script()), publishers.String())
}

func (spec jobSpec) script() string {
	lines := []string{"set -e"}
	for file, content := range spec.files {
		quoted := "'" + file + "'"
		if dir := path.Dir(file); dir != "." {
			lines = append(lines, "mkdir -p '"+dir+"'")
		}
		lines = append(lines, "echo "+base64.StdEncoding.EncodeToString([]byte(content))+" | base64 -d > "+quoted)
	}
	if spec.line != "" {
		lines = append(lines, "echo '"+spec.line+"'")
	}
	lines = append(lines, "sleep "+strconv.Itoa(spec.seconds))
	if spec.fails {
		lines = append(lines, "exit 1")
	}
	return strings.Join(lines, "\n")
}

// itemNumber reads the number at the end of a queue item's path.
func itemNumber(itemPath string) (int64, error) {
	return strconv.ParseInt(path.Base(strings.TrimSuffix(itemPath, "/")), 10, 64)
}
