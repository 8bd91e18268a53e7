package rows

import (
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// Migration is a step of a schema, from a file named like 0001_init.sql. Steps only go forward.
type Migration struct {
	Version int
	Name    string
	Script  string
}

// Migrations reads the steps from a folder "migrations".
func Migrations(files fs.FS) ([]Migration, error) {
	entries, err := fs.ReadDir(files, "migrations")
	if err != nil {
		return nil, err
	}
	var steps []Migration
	for i, entry := range entries {
		number, _, _ := strings.Cut(entry.Name(), "_")
		version, err := strconv.Atoi(number)
		if err != nil || version != i+1 {
			return nil, fmt.Errorf("migration %q: expected number %04d in front", entry.Name(), i+1)
		}
		script, err := fs.ReadFile(files, path.Join("migrations", entry.Name()))
		if err != nil {
			return nil, err
		}
		steps = append(steps, Migration{version, entry.Name(), string(script)})
	}
	return steps, nil
}

// Missing are the steps that a database does not have whose newest one is present. A newer database is an error.
func Missing(steps []Migration, present int) ([]Migration, error) {
	if present > len(steps) {
		return nil, fmt.Errorf("the database was written by a newer agent (schema %d, this one knows up to %d): run that agent, or restore a backup from before",
			present, len(steps))
	}
	return steps[present:], nil
}
