package helm

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"helm.sh/helm/v3/pkg/ignore"
)

// obeyIgnoreFile leaves out the files that the chart's .helmignore names, as Helm does with charts in directories.
func obeyIgnoreFile(files []File) ([]File, error) {
	rules := ignore.Empty()
	for _, file := range files {
		if file.Name != ignore.HelmIgnore {
			continue
		}
		parsed, err := ignore.Parse(bytes.NewReader(file.Data))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", ignore.HelmIgnore, err)
		}
		rules = parsed
	}
	rules.AddDefaults()
	return slices.DeleteFunc(slices.Clone(files), func(file File) bool { return ignored(rules, file.Name) }), nil
}

// ignored says whether the rules leave out a file or one of the directories it is in.
func ignored(rules *ignore.Rules, name string) bool {
	for at, r := range name {
		if r == '/' && rules.Ignore(name[:at], entry{name: path.Base(name[:at]), dir: true}) {
			return true
		}
	}
	return rules.Ignore(name, entry{name: name[strings.LastIndexByte(name, '/')+1:]})
}

// entry is a file or directory as the rules want to see it.
type entry struct {
	name string
	dir  bool
}

func (e entry) Name() string       { return e.name }
func (e entry) Size() int64        { return 0 }
func (e entry) Mode() fs.FileMode  { return 0 }
func (e entry) ModTime() time.Time { return time.Time{} }
func (e entry) IsDir() bool        { return e.dir }
func (e entry) Sys() any           { return nil }
