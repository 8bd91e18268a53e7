package webhook

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/nikolalohinski/gonja/v2"
	"github.com/nikolalohinski/gonja/v2/exec"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// maxRendered bounds what a template may write.
const maxRendered = 1 << 20

// template makes artifacts of a body: a Jinja template that writes a JSON list.
//
// Source: spinnaker/spinnaker echo/echo-artifacts JinjaArtifactExtractor.java.
type template struct {
	name   string
	parsed *exec.Template
}

func readTemplate(path string) (*template, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("templatePath: %w", err)
	}
	return parseTemplate(filepath.Base(path), text)
}

func parseTemplate(name string, text []byte) (*template, error) {
	parsed, err := gonja.FromBytes(text)
	if err != nil {
		return nil, fmt.Errorf("templatePath: template %s: %w", name, err)
	}
	return &template{name, parsed}, nil
}

// artifacts renders the template with the members of a body as its variables.
func (t *template) artifacts(body map[string]any) (artifacts []spinnaker.Artifact, err error) {
	defer func() {
		if p := recover(); p != nil {
			artifacts, err = nil, fmt.Errorf("template %s: cannot be rendered: %v", t.name, p)
		}
	}()
	variables := make(map[string]any, len(body))
	for key, value := range body {
		variables[key] = spinnaker.Numbers(value)
	}
	out := &bounded{}
	if err := t.parsed.Execute(out, exec.NewContext(variables)); err != nil {
		return nil, fmt.Errorf("template %s: %w", t.name, err)
	}
	if err := spinnaker.DecodeForeign(out.Bytes(), &artifacts); err != nil {
		return nil, fmt.Errorf("template %s: wrote no JSON list of artifacts: %w", t.name, err)
	}
	return artifacts, nil
}

// bounded is a buffer that refuses to grow beyond maxRendered.
type bounded struct{ bytes.Buffer }

func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > maxRendered {
		return 0, errors.New("it writes more than 1 MiB")
	}
	return b.Buffer.Write(p)
}

// WriteString keeps to the same bound.
func (b *bounded) WriteString(s string) (int, error) { return b.Write([]byte(s)) }
