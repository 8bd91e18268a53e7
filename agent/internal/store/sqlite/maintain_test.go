package sqlite_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/agent/internal/store/sqlite"
)

func TestBackupWhileTheAgentWrites(t *testing.T) {
	path, target := file(t), filepath.Join(t.TempDir(), "backup.db")
	s := openAt(t, sqlite.Options{Path: path})
	update(t, s, audit("0"))
	ctx, stop := context.WithCancel(t.Context())
	written := make(chan int)
	go func() {
		n := 1
		for ; ctx.Err() == nil; n++ {
			if err := s.Update(context.WithoutCancel(ctx), audit(strconv.Itoa(n))); err != nil {
				t.Error(err)
				break
			}
		}
		written <- n
	}()
	err := sqlite.Backup(t.Context(), path, target)
	stop()
	total := <-written
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(target); err != nil || info.Mode() != 0o600 {
		t.Errorf("found %v, %v, expected a file that only its user may read", info.Mode(), err)
	}
	if left, err := os.ReadDir(filepath.Dir(target)); err != nil || len(left) != 1 {
		t.Errorf("found %v (%v) beside the backup", left, err)
	}
	found := actions(t, openAt(t, sqlite.Options{Path: target}))
	if len(found) == 0 || len(found) > total {
		t.Errorf("the backup has %d rows of %d", len(found), total)
	}
	for i, action := range found {
		if action != strconv.Itoa(i) {
			t.Fatalf("row %d of the backup is %q", i, action)
		}
	}
}

func TestBackupIsRefused(t *testing.T) {
	path := file(t)
	s := openAt(t, sqlite.Options{Path: path})
	update(t, s, audit("kept"))
	folder := t.TempDir()
	garbage := filepath.Join(folder, "garbage.db")
	if err := os.WriteFile(garbage, []byte(strings.Repeat("not a database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, source, target, want string }{
		{"a target that is there", path, garbage, "file already exists: choose another name"},
		{"a folder that is not there", path, filepath.Join(folder, "nope", "backup.db"), "nope: file does not exist: make it first"},
		{"a source that is not there", filepath.Join(folder, "nope.db"), filepath.Join(folder, "a.db"), "no such file or directory"},
		{"a source that is a folder", folder, filepath.Join(folder, "b.db"), "is no regular file"},
		{"a source that is no database", garbage, filepath.Join(folder, "c.db"), "the database file is damaged"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := sqlite.Backup(t.Context(), c.source, c.target)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.source) {
				t.Errorf("found error %v, expected %q", err, c.want)
			}
			if c.target != garbage {
				if _, err := os.Stat(c.target); !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("a target was left: %v", err)
				}
			}
		})
	}
	if left, err := filepath.Glob(filepath.Join(folder, "*partial*")); err != nil || len(left) > 0 {
		t.Errorf("found %v, %v", left, err)
	}
}

func TestCompact(t *testing.T) {
	path := file(t)
	s := openAt(t, sqlite.Options{Path: path})
	update(t, s, func(tx store.Tx) error {
		return tx.AddAudit(store.AuditRow{Action: "big", Detail: strings.Repeat("x", 4<<20)})
	})
	update(t, s, func(tx store.Tx) error {
		_, err := tx.DeleteAged(store.AgedAudit, tx.Now().Add(1), 0)
		return err
	})
	update(t, s, audit("kept"))
	if _, _, err := sqlite.Compact(t.Context(), path); err == nil || !strings.Contains(err.Error(), "in use by another agent") {
		t.Errorf("beside an agent: found error %v", err)
	}
	closed(t, s)
	before, after, err := sqlite.Compact(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if before < 4<<20 || after > 1<<20 {
		t.Errorf("it took %d bytes and takes %d", before, after)
	}
	if size, err := sqlite.Size(path); err != nil || size != after {
		t.Errorf("it takes %d bytes, %v; said were %d", size, err, after)
	}
	if found := actions(t, openAt(t, sqlite.Options{Path: path})); len(found) != 1 || found[0] != "kept" {
		t.Errorf("found rows %q", found)
	}
}

func TestInspectBesideAnAgent(t *testing.T) {
	path := file(t)
	s := openAt(t, sqlite.Options{Path: path})
	update(t, s, audit("seen"))
	i, err := sqlite.Inspect(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := i.Close(); err != nil {
			t.Error(err)
		}
	})
	if found, known, err := i.Schema(t.Context()); err != nil || found != known || known == 0 {
		t.Errorf("found schema %d of %d, %v", found, known, err)
	}
	if faults, err := i.Faults(t.Context()); err != nil || len(faults) > 0 {
		t.Errorf("found faults %q, %v", faults, err)
	}
	err = i.View(t.Context(), func(r store.Reader) error {
		rows, err := r.Audit(0)
		if len(rows) != 1 || rows[0].Action != "seen" {
			t.Errorf("found rows %v", rows)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	update(t, s, audit("the agent writes on"))
}

func TestInspectFindsDamage(t *testing.T) {
	path := file(t)
	s := openAt(t, sqlite.Options{Path: path})
	update(t, s, func(tx store.Tx) error {
		for range 2000 {
			if err := tx.AddAudit(store.AuditRow{Action: "x", Detail: strings.Repeat("y", 200)}); err != nil {
				return err
			}
		}
		return nil
	})
	closed(t, s)
	damage(t, path)
	i, err := sqlite.Inspect(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	faults, err := i.Faults(t.Context())
	if err := errors.Join(err, i.Close()); err == nil && len(faults) == 0 {
		t.Error("no fault was found in a damaged file")
	}
	if err := sqlite.Backup(t.Context(), path, path+".backup"); err == nil {
		t.Error("a damaged file was backed up as if it were sound")
	}
}

func TestInspectIsRefused(t *testing.T) {
	folder := t.TempDir()
	for _, path := range []string{filepath.Join(folder, "nope.db"), folder} {
		if i, err := sqlite.Inspect(t.Context(), path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("found %v, error %v, expected one that names %s", i, err, path)
		}
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("it made %v, %v", left, err)
	}
	empty := filepath.Join(folder, "empty.db")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	i, err := sqlite.Inspect(t.Context(), empty)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := i.Schema(t.Context()); err == nil {
		t.Error("an empty file was taken for a store")
	}
	if err := i.Close(); err != nil {
		t.Error(err)
	}
}
