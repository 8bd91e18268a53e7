package archive

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

// chartFile is the file that makes a directory a chart.
const chartFile = "Chart.yaml"

// maxChartDepth is how many directories deep a chart is looked for when no path names it.
const maxChartDepth = 2

// errNoChart is that an archive has no chart where one was looked for.
var errNoChart = errors.New("no Chart.yaml")

// Chart returns the files of the one chart in files, named relative to the chart's directory.
//
// chartPath is the chart's directory, or the path of its Chart.yaml; it may leave out a single directory that holds
// all of the archive. When it is empty the Chart.yaml nearest to the root is taken, at most two directories deep; two
// at the same depth are an error.
func Chart(files []File, chartPath string) ([]File, error) {
	root, err := chartRoot(files, chartPath)
	if err != nil {
		return nil, err
	}
	if root == "." {
		return files, nil
	}
	var chart []File
	for _, file := range files {
		if name, inside := strings.CutPrefix(file.Name, root+"/"); inside {
			chart = append(chart, File{Name: name, Data: file.Data})
		}
	}
	return chart, nil
}

func chartRoot(files []File, chartPath string) (string, error) {
	roots := chartRoots(files)
	if chartPath != "" {
		return namedRoot(files, roots, chartPath)
	}
	for wanted := range maxChartDepth + 1 {
		at := slices.DeleteFunc(slices.Clone(roots), func(root string) bool { return depth(root) != wanted })
		if len(at) == 1 {
			return at[0], nil
		}
		if len(at) > 1 {
			return "", fmt.Errorf("archive has %d charts: %s. Name one with helmChartFilePath", len(at), quoted(at))
		}
	}
	if len(roots) > 0 {
		return "", fmt.Errorf("%w within %d directories of the archive's root; there are charts in %s. Name one with helmChartFilePath",
			errNoChart, maxChartDepth, quoted(roots))
	}
	return "", fmt.Errorf("%w in the archive; its first entries are %s", errNoChart, quoted(firstNames(files)))
}

// namedRoot resolves a path that the pipeline gives.
func namedRoot(files []File, roots []string, chartPath string) (string, error) {
	cleaned, err := cleanName(chartPath)
	if err != nil {
		return "", fmt.Errorf("helmChartFilePath %q: %w", chartPath, err)
	}
	if path.Base(cleaned) == chartFile {
		cleaned = path.Dir(cleaned)
	}
	candidates := []string{cleaned}
	if top, single := singleTop(files); single {
		candidates = append(candidates, path.Join(top, cleaned))
	}
	for _, candidate := range candidates {
		if slices.Contains(roots, candidate) {
			return candidate, nil
		}
	}
	return "", fmt.Errorf("%w at helmChartFilePath %q; the archive has charts in %s", errNoChart, chartPath, quoted(roots))
}

// chartRoots returns the directories that hold a Chart.yaml, sorted.
func chartRoots(files []File) []string {
	var roots []string
	for _, file := range files {
		if path.Base(file.Name) == chartFile {
			roots = append(roots, path.Dir(file.Name))
		}
	}
	slices.Sort(roots)
	return roots
}

// singleTop returns the one directory that all files are in, if there is such.
func singleTop(files []File) (string, bool) {
	top := ""
	for _, file := range files {
		first, _, nested := strings.Cut(file.Name, "/")
		if !nested || (top != "" && first != top) {
			return "", false
		}
		top = first
	}
	return top, top != ""
}

func depth(root string) int {
	if root == "." {
		return 0
	}
	return strings.Count(root, "/") + 1
}

// quoted lists names for an error text, at most five.
func quoted(names []string) string {
	const most = 5
	var out []string
	for i, name := range names {
		if i == most {
			out = append(out, fmt.Sprintf("… (%d in all)", len(names)))
			break
		}
		out = append(out, fmt.Sprintf("%q", name))
	}
	if len(out) == 0 {
		return "no directory"
	}
	return strings.Join(out, ", ")
}

func firstNames(files []File) []string {
	var names []string
	for _, file := range files {
		names = append(names, file.Name)
	}
	return names
}
