package sqlite_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/agent/internal/store/sqlite"
	"github.com/gennaker/gennaker/agent/internal/store/storetest"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// writerPath makes the test binary a process that writes to the store at that path until it is killed.
const writerPath = "GENNAKER_TEST_WRITER"

func TestMain(m *testing.M) {
	if path := os.Getenv(writerPath); path != "" {
		writeForEver(path)
		return
	}
	goleak.VerifyTestMain(m)
}

func TestStore(t *testing.T) { storetest.Run(t, open, 1) }

func BenchmarkStore(b *testing.B) { storetest.Bench(b, open) }

// open opens an empty store in a folder of its own.
func open(tb testing.TB) store.Store {
	tb.Helper()
	return openAt(tb, sqlite.Options{Path: file(tb)})
}

func file(tb testing.TB) string { return filepath.Join(tb.TempDir(), "data", "gennaker.db") }

func openAt(tb testing.TB, o sqlite.Options) *sqlite.Store {
	tb.Helper()
	s, err := sqlite.Open(tb.Context(), o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { closed(tb, s) })
	return s
}

func closed(tb testing.TB, s *sqlite.Store) {
	tb.Helper()
	if err := s.Close(); err != nil {
		tb.Error(err)
	}
}

func update(tb testing.TB, s store.Store, change func(store.Tx) error) {
	tb.Helper()
	if err := s.Update(tb.Context(), change); err != nil {
		tb.Fatal(err)
	}
}

func actions(tb testing.TB, s store.Store) (out []string) {
	tb.Helper()
	err := s.View(tb.Context(), func(r store.Reader) error {
		rows, err := r.Audit(0)
		for _, row := range slices.Backward(rows) {
			out = append(out, row.Action)
		}
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

func audit(action string) func(store.Tx) error {
	return func(tx store.Tx) error { return tx.AddAudit(store.AuditRow{Action: action}) }
}

func TestEarlierAgentsAreBuriedAtOpen(t *testing.T) {
	path := file(t)
	ref := store.StageRef{ExecutionID: "ex", StageID: "a"}
	var claim store.Claim
	first := openAt(t, sqlite.Options{Path: path})
	update(t, first, func(tx store.Tx) (err error) {
		ex := &engine.Execution{
			Execution: &spinnaker.Execution{ID: "ex", Status: spinnaker.Running, Stages: []*spinnaker.Stage{{ID: "a"}}},
			Work:      map[string]*engine.Work{"a": {Phase: engine.PhaseRun, Due: tx.Now()}},
		}
		if err := errors.Join(tx.SaveExecution(ex), tx.Renew(store.Incarnation{ID: "old"})); err != nil {
			return err
		}
		if _, err = tx.TakeLease("ci", "old"); err != nil {
			return err
		}
		claim, err = tx.ClaimStage(ref, "old", tx.Now())
		return err
	})
	closed(t, first)

	var log bytes.Buffer
	second := openAt(t, sqlite.Options{Path: path, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	update(t, second, func(tx store.Tx) error {
		if err := tx.ReleaseClaim(claim); !errors.Is(err, store.ErrStale) {
			t.Errorf("the old claim: found error %v, expected one that is ErrStale", err)
		}
		if err := tx.Renew(store.Incarnation{ID: "new"}); err != nil {
			return err
		}
		if _, err := tx.TakeLease("ci", "new"); err != nil {
			return err
		}
		_, err := tx.ClaimStage(ref, "new", tx.Now())
		return err
	})
	if !strings.Contains(log.String(), "incarnation=old") {
		t.Errorf("the log does not name the old incarnation:\n%s", log.String())
	}
}

func TestGenerationGoesOnAfterReopening(t *testing.T) {
	path := file(t)
	last := int64(-1)
	for range 3 {
		s := openAt(t, sqlite.Options{Path: path})
		update(t, s, func(tx store.Tx) error { return tx.PutApplication(spinnaker.Application{"name": "shop"}) })
		err := s.View(t.Context(), func(r store.Reader) error {
			generation, err := r.Generation()
			if generation <= last {
				t.Errorf("found generation %d after %d", generation, last)
			}
			last = generation
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		closed(t, s)
	}
}

func TestOpenIsRefused(t *testing.T) {
	folder := t.TempDir()
	garbage := filepath.Join(folder, "garbage.db")
	if err := os.WriteFile(garbage, bytes.Repeat([]byte("not a database "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	held := filepath.Join(folder, "held.db")
	openAt(t, sqlite.Options{Path: held})
	cases := []struct{ name, path, want string }{
		{"no path", "", `store "": no path given`},
		{"another agent has it", held, fmt.Sprintf("in use by another agent (process %d): stop it first", os.Getpid())},
		{"not a database", garbage, "the database file is damaged, restore a backup"},
		{"a folder", folder, "is a directory"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s, err := sqlite.Open(t.Context(), sqlite.Options{Path: c.path})
			if err == nil {
				s.Close()
				t.Fatal("it was opened")
			}
			if !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.path) {
				t.Errorf("found error %q, expected the path and %q", err, c.want)
			}
		})
	}
}

func TestOnlyTheUserMayRead(t *testing.T) {
	path := file(t)
	s := openAt(t, sqlite.Options{Path: path})
	update(t, s, audit("x"))
	for name, want := range map[string]os.FileMode{
		path: 0o600, path + "-wal": 0o600, path + ".lock": 0o600, filepath.Dir(path): 0o700 | os.ModeDir,
	} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != want {
			t.Errorf("%s: found mode %v, expected %v", name, info.Mode(), want)
		}
	}
}

// queue has updates wait behind one that holds the writer, and returns how many commits all of them took.
func queue(t *testing.T, s *sqlite.Store, waiting int) uint64 {
	before := s.Stats()
	inside, leave := make(chan struct{}), make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		update(t, s, func(tx store.Tx) error {
			close(inside)
			<-leave
			return audit("first")(tx)
		})
	})
	<-inside
	for range waiting {
		group.Go(func() { update(t, s, audit("waited")) })
	}
	s.AwaitQueue(t.Context(), waiting)
	close(leave)
	group.Wait()
	after := s.Stats()
	if got := after.Updates - before.Updates; got != uint64(waiting+1) {
		t.Errorf("found %d updates, expected %d", got, waiting+1)
	}
	return after.Commits - before.Commits
}

func TestWaitingUpdatesShareACommit(t *testing.T) {
	if commits := queue(t, openAt(t, sqlite.Options{Path: file(t)}), 20); commits != 1 {
		t.Errorf("21 updates took %d commits, expected 1", commits)
	}
	if commits := queue(t, openAt(t, sqlite.Options{Path: file(t), MaxBatch: 7}), 20); commits != 3 {
		t.Errorf("21 updates took %d commits of at most 7, expected 3", commits)
	}
}

func TestSlowUpdatesAreLogged(t *testing.T) {
	var log bytes.Buffer
	var ticks atomic.Int64
	s := openAt(t, sqlite.Options{
		Path: file(t), Logger: slog.New(slog.NewTextHandler(&log, nil)),
		Now: func() time.Time { return time.Unix(ticks.Add(1), 0) }, // a second passes whenever somebody looks
	})
	update(t, s, audit("x"))
	closed(t, s)
	if !strings.Contains(log.String(), "an update held up all others") {
		t.Errorf("nothing in the log:\n%s", log.String())
	}
}

func TestFullDisk(t *testing.T) {
	path := file(t)
	s := openAt(t, sqlite.Options{Path: path})
	update(t, s, audit("before"))
	restore := s.LimitPages(t, 4)
	big := strings.Repeat("x", 1<<20)
	for range 3 {
		err := s.Update(t.Context(), func(tx store.Tx) error { return tx.AddAudit(store.AuditRow{Action: "big", Detail: big}) })
		if err == nil || !strings.Contains(err.Error(), "the disk is full, free some space") {
			t.Fatalf("found error %v, expected one about the full disk", err)
		}
		if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), path) {
			t.Errorf("found error %v, expected a store.ErrUnavailable that names %s", err, path)
		}
	}
	restore()
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("after there is space again: %v", err)
	}
	update(t, s, audit("after"))
	if found := actions(t, s); !slices.Equal(found, []string{"before", "after"}) {
		t.Errorf("found rows %q", found)
	}
}

// A member of a group whose failure took the whole transaction away fails the others too: none of them may believe that
// it was committed.
func TestFullDiskFailsTheGroup(t *testing.T) {
	s := openAt(t, sqlite.Options{Path: file(t)})
	restore := s.LimitPages(t, 4)
	inside, leave := make(chan struct{}), make(chan struct{})
	errs := make(chan error, 2)
	go func() {
		errs <- s.Update(context.WithoutCancel(t.Context()), func(tx store.Tx) error {
			close(inside)
			<-leave
			return audit("small")(tx)
		})
	}()
	<-inside
	go func() {
		errs <- s.Update(context.WithoutCancel(t.Context()), func(tx store.Tx) error {
			// The function itself looks away.
			_ = tx.AddAudit(store.AuditRow{Action: "big", Detail: strings.Repeat("x", 1<<20)})
			return nil
		})
	}()
	s.AwaitQueue(t.Context(), 1)
	close(leave)
	failures := 0
	for range 2 {
		if err := <-errs; err != nil {
			failures++
		}
	}
	restore()
	if found := actions(t, s); len(found) != 2-failures {
		t.Errorf("%d updates failed, and %q are there", failures, found)
	}
}

func TestReadOnlyFile(t *testing.T) {
	s := openAt(t, sqlite.Options{Path: file(t)})
	s.MakeReadOnly(t)
	err := s.Ping(t.Context())
	if err == nil || !strings.Contains(err.Error(), "not writable: ") || !strings.Contains(err.Error(), "is read-only") {
		t.Errorf("found error %v, expected one about the read-only file", err)
	}
	if !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("%v is no store.ErrUnavailable", err)
	}
}

// Once a statement has met a damaged page, the store is not ready any more, and says which file it is.
func TestDamagedPage(t *testing.T) {
	path := file(t)
	first := openAt(t, sqlite.Options{Path: path})
	update(t, first, func(tx store.Tx) error {
		for range 2000 {
			if err := tx.AddAudit(store.AuditRow{Action: "x", Detail: strings.Repeat("y", 200)}); err != nil {
				return err
			}
		}
		return nil
	})
	closed(t, first)
	damage(t, path)

	s := openAt(t, sqlite.Options{Path: path})
	if err := s.Ping(t.Context()); err != nil {
		t.Fatalf("before the damage was met: %v", err)
	}
	err := s.View(t.Context(), func(r store.Reader) error {
		_, err := r.Audit(0)
		return err
	})
	for _, err := range []error{err, s.Ping(t.Context())} {
		if err == nil || !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), path) ||
			!strings.Contains(err.Error(), "the database file is damaged, restore a backup") {
			t.Errorf("found error %v, expected one that names the damaged file", err)
		}
	}
}

// damage overwrites the second half of a file.
func damage(t *testing.T, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	copy(data[len(data)/2:], bytes.Repeat([]byte{0xff}, len(data)))
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// writeForEver prints the number of each row once it is durable.
func writeForEver(path string) {
	ctx := context.Background()
	s, err := sqlite.Open(ctx, sqlite.Options{Path: path})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	for i := 0; ; i++ {
		if err := s.Update(ctx, audit(strconv.Itoa(i))); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(i)
	}
}

func TestKilledWriterLosesNothing(t *testing.T) {
	path := file(t)
	rows := 0
	for round := range 5 {
		process := exec.CommandContext(t.Context(), os.Args[0])
		process.Env = append(os.Environ(), writerPath+"="+path)
		out, err := process.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := process.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		acknowledged := -1
		for lines.Scan() {
			n, err := strconv.Atoi(lines.Text())
			if err != nil {
				t.Fatalf("the writer says: %s", lines.Text())
			}
			acknowledged = n
			if n == 20*(round+1) {
				if err := process.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = process.Wait() // it was killed

		s := openAt(t, sqlite.Options{Path: path})
		found := actions(t, s)[rows:]
		if len(found) <= acknowledged {
			t.Fatalf("round %d: %d rows are there, %d were acknowledged", round, len(found), acknowledged+1)
		}
		for i, action := range found {
			if action != strconv.Itoa(i) {
				t.Fatalf("round %d: row %d is %q", round, i, action)
			}
		}
		rows += len(found)
		closed(t, s)
	}
}
