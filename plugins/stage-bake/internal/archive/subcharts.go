package archive

import (
	"bytes"
	"fmt"
	"path"
	"strings"
)

// maxNesting is how many packaged charts may lie inside one another.
const maxNesting = 8

// Unpack replaces packaged subcharts (charts/NAME.tgz, at any depth) by their files, so that the limits hold for all
// of them together. It returns the names of links in them too.
func Unpack(files []File, limits Limits) (*Content, error) {
	u := &unpacker{left: limits}
	for _, file := range files {
		u.left.Total -= int64(len(file.Data))
	}
	u.left.Files -= len(files)
	if err := u.add(files, "", 0); err != nil {
		return nil, err
	}
	return &u.content, nil
}

type unpacker struct {
	content Content
	left    Limits
}

func (u *unpacker) add(files []File, prefix string, nesting int) error {
	for _, file := range files {
		name := prefix + file.Name
		if !isPackagedSubchart(name) {
			u.content.Files = append(u.content.Files, File{Name: name, Data: file.Data})
			continue
		}
		if err := u.unpack(name, file.Data, nesting+1); err != nil {
			return fmt.Errorf("packaged subchart %q: %w", name, err)
		}
	}
	return nil
}

func (u *unpacker) unpack(name string, data []byte, nesting int) error {
	if nesting > maxNesting {
		return fmt.Errorf("it lies more than %d packaged charts deep", maxNesting)
	}
	inner, err := Read(bytes.NewReader(data), u.left)
	if err != nil {
		return err
	}
	u.left.Files -= len(inner.Files)
	for _, file := range inner.Files {
		u.left.Total -= int64(len(file.Data))
	}
	for _, link := range inner.Links {
		u.content.Links = append(u.content.Links, path.Join(name, link))
	}
	chart, err := Chart(inner.Files, "")
	if err != nil {
		return err
	}
	// Helm takes any directory below charts/ for a chart; the suffix keeps it apart from an unpacked sibling.
	return u.add(chart, name+".d/", nesting)
}

// isPackagedSubchart says whether Helm would load the file as a packaged subchart, of the chart or of its subcharts.
func isPackagedSubchart(name string) bool {
	parts := strings.Split(name, "/")
	for len(parts) > 2 && parts[0] == "charts" {
		parts = parts[2:]
	}
	return len(parts) == 2 && parts[0] == "charts" && path.Ext(parts[1]) == ".tgz" && !strings.ContainsAny(parts[1][:1], "_.")
}
