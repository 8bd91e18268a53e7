package world

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// readChart returns the chart archive: the given one, or our sample chart packed as a Jenkinsfile would.
func (w *World) readChart() ([]byte, error) {
	if w.Options.Chart != "" {
		data, err := os.ReadFile(w.Options.Chart)
		if err != nil {
			return nil, fmt.Errorf("read the chart: %w", err)
		}
		return data, nil
	}
	return Pack(filepath.Join(w.Root, "charts", "shipitclicker"))
}

// Pack makes a tar.gz of a folder, with the folder itself on top.
func Pack(dir string) ([]byte, error) {
	var out bytes.Buffer
	compressed := gzip.NewWriter(&out)
	archive := tar.NewWriter(compressed)
	parent := filepath.Dir(dir)
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(parent, path)
		if err != nil {
			return err
		}
		if err := archive.WriteHeader(&tar.Header{Name: filepath.ToSlash(name), Mode: 0o644, Size: int64(len(data))}); err != nil {
			return err
		}
		_, err = archive.Write(data)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("pack %s: %w", dir, err)
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	if err := compressed.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
