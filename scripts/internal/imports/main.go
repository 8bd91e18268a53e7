// Command imports checks the project's import direction. It reads `go list` and prints one line for each import that
// breaks a rule.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

const module = "github.com/gennaker/gennaker/"

// layers holds each package by its path prefix; the longest prefix counts. A package imports only lower layers, or
// packages below its own prefix.
var layers = map[string]int{
	"api/spinnaker": 0, "agent/spel": 0, "jenkins/properties": 0, "jenkins/jobname": 0, "plugins/proto": 0,
	"jenkins": 1, "plugins/wire": 1, "plugins/internal/manifest": 1, "api/client": 1, "api/answer": 1,
	"agent/internal/config": 1, "agent/internal/telemetry": 1, "agent/internal/artifact": 1,
	"agent/internal/trigger": 1, "agent/internal/engine": 1, "agent/internal/outbound": 1,
	"agent/internal/jsonpath": 0,
	"jenkins/poll":            2, "plugins/sdk": 2, "plugins/internal/kube": 2, "api/gate": 2, "api/echo": 2, "api/igor": 2,
	"agent/internal/store": 2,
	"plugins/stage-":       3, "agent/internal/store/sqlite": 3, "agent/internal/store/postgres": 3,
	"agent/internal/fetch": 3, "agent/internal/lease": 3, "agent/internal/health": 3, "agent/internal/access": 3, "agent/internal/notify": 3,
	"agent/internal/stage": 3, "agent/internal/store/upkeep": 3, "agent/internal/webhook": 3,
	"agent/internal/store/transfer": 3, "agent/internal/doctor": 3,
	"api/server": 4, "agent/internal/catalog": 4, "agent/internal/inbox": 4, "agent/internal/masters": 4,
	"agent/internal/feed": 4, "agent/internal/pluginhost": 4, "agent/internal/runner": 4,
	"agent/internal/app": 5,
	"agent/internal/cli": 6,
	"agent/cmd":          7,
}

// sameLayer are the imports inside a layer that are allowed: artifact comes before trigger and engine.
var sameLayer = map[string][]string{
	"agent/internal/artifact": {"agent/internal/trigger", "agent/internal/engine"},
}

// kits are test kits: only tests and scripts import them.
var kits = []string{"jenkins/jenkinstest", "plugins/plugintest", "plugins/internal/kubetest", "agent/e2e/agenttest", "agent/internal/store/storetest",
	"agent/internal/store/sqlite/sqlitetest", "agent/internal/store/postgres/postgrestest",
	"agent/internal/fetch/fetchtest", "agent/internal/engine/enginetest", "agent/spel/conformance", "api/apitest"}

// forbidden are imports between trees.
var forbidden = []struct{ from, to string }{
	{"plugins/", "agent/"}, {"plugins/", "api/"}, {"plugins/", "jenkins"},
	{"agent/", "plugins/stage-"}, {"agent/", "plugins/internal"}, {"api/", "agent/"}, {"jenkins", "agent/"}, {"jenkins", "api/"},
}

// homes are the only packages that may import a library.
var homes = map[string][]string{
	"github.com/gin-gonic/gin":       {"api/"},
	"github.com/bndr/gojenkins":      {"jenkins"},
	"modernc.org/sqlite":             {"agent/internal/store/sqlite"},
	"github.com/jackc/pgx":           {"agent/internal/store/postgres"},
	"database/sql":                   {"agent/internal/store/"},
	"k8s.io/":                        {"plugins/internal/", "plugins/stage-"},
	"helm.sh/helm/":                  {"plugins/internal/", "plugins/stage-"},
	"sigs.k8s.io/":                   {"plugins/internal/", "plugins/stage-"},
	"github.com/hashicorp/go-plugin": {"plugins/wire", "plugins/sdk", "plugins/plugintest", "agent/internal/pluginhost"},
	"github.com/nikolalohinski/":     {"agent/internal/webhook"},
	"github.com/dlclark/regexp2":     {"agent/spel/javaregex"},
	"github.com/aws/aws-sdk-go-v2":   {"agent/internal/fetch"},
	"github.com/go-git/":             {"agent/internal/fetch"},
	"github.com/spf13/cobra":         {"agent/internal/cli"},
	"go.opentelemetry.io/proto":      {"agent/internal/telemetry"},
}

type pkg struct {
	ImportPath string
	Imports    []string
}

func main() {
	packages, err := list()
	if err != nil {
		fmt.Fprintln(os.Stderr, "imports:", err)
		os.Exit(1)
	}
	broken := 0
	for _, p := range packages {
		for _, fault := range check(p) {
			fmt.Println(fault)
			broken++
		}
	}
	if broken > 0 {
		fmt.Printf("%d imports break the rules of docs/architecture.md\n", broken)
		os.Exit(1)
	}
}

func list() ([]pkg, error) {
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", "./...")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	var packages []pkg
	dec := json.NewDecoder(out)
	for {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		packages = append(packages, p)
	}
	return packages, cmd.Wait()
}

// check returns the faults of one package's imports, those of its tests aside.
func check(p pkg) []string {
	from := strings.TrimPrefix(p.ImportPath, module)
	if strings.HasPrefix(from, "scripts/") || strings.HasPrefix(from, "agent/e2e") || isKit(from) {
		return nil
	}
	var faults []string
	if _, _, known := layer(from); !known {
		faults = append(faults, from+" has no layer: add it to scripts/internal/imports")
	}
	for _, imported := range p.Imports {
		if fault := judge(from, imported); fault != "" {
			faults = append(faults, fmt.Sprintf("%s imports %s: %s", from, strings.TrimPrefix(imported, module), fault))
		}
	}
	return faults
}

func judge(from, imported string) string {
	to, ours := strings.CutPrefix(imported, module)
	if !ours {
		for library, allowed := range homes {
			if strings.HasPrefix(imported, library) && !slices.ContainsFunc(allowed, func(home string) bool { return strings.HasPrefix(from, home) }) {
				return "only " + strings.Join(allowed, ", ") + " may"
			}
		}
		return ""
	}
	if isKit(to) {
		return "it is a test kit"
	}
	for _, rule := range forbidden {
		if strings.HasPrefix(from, rule.from) && strings.HasPrefix(to, rule.to) {
			return rule.from + " never imports " + rule.to
		}
	}
	fromPrefix, fromLayer, _ := layer(from)
	toPrefix, toLayer, _ := layer(to)
	if fromPrefix == toPrefix || strings.HasPrefix(to, fromPrefix+"/") || toLayer < fromLayer ||
		toLayer == fromLayer && slices.Contains(sameLayer[toPrefix], fromPrefix) {
		return ""
	}
	return fmt.Sprintf("layer %d may not import layer %d", fromLayer, toLayer)
}

func isKit(path string) bool {
	return slices.ContainsFunc(kits, func(kit string) bool { return path == kit || strings.HasPrefix(path, kit+"/") })
}

// layer finds the longest known prefix of a package path. A prefix that ends in "-" stands for each of its packages.
func layer(path string) (prefix string, level int, known bool) {
	for candidate, l := range layers {
		if matches(path, candidate) && len(candidate) > len(prefix) {
			prefix, level, known = candidate, l, true
		}
	}
	return prefix, level, known
}

func matches(path, prefix string) bool {
	if strings.HasSuffix(prefix, "-") {
		return strings.HasPrefix(path, prefix)
	}
	return path == prefix || strings.HasPrefix(path, prefix+"/")
}
