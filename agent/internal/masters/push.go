package masters

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/jenkins/poll"
)

const (
	// wishes is the source under which the store keeps which jobs are to be looked at at once, whichever process is told
	// and whichever polls.
	wishes = "push/jenkins"
	// hearEvery is how often a process looks for wishes that another one was told.
	hearEvery = time.Second
	// staleAfter is when a wish is given up: its master is no longer configured, or has not answered for long.
	staleAfter = time.Hour
	// againFirst is the pause before a build that has not ended is looked at again, twice as long each time; after
	// againTimes it is left to polling.
	againFirst = time.Second
	againTimes = 4
)

// wish is a job that is to be looked at at once.
type wish struct {
	Master string    `json:"master"`
	Job    string    `json:"job"`
	Number int64     `json:"number,omitempty"`
	At     time.Time `json:"at"`
}

// name is that of the wish's row. A later wish about the same job takes its place.
func (w wish) name() string { return url.PathEscape(w.Master) + "/" + w.Job }

// Notice has the job of a notice looked at at once. It is durable when it returns; dropped says why it is of no use.
func (m *Masters) Notice(ctx context.Context, master string, notice Notice) (dropped string, err error) {
	if _, err := m.Client(master); err != nil {
		return "", err
	}
	jobs, err := m.Jobs(ctx, master)
	if err != nil {
		return "", fmt.Errorf("find the jobs that triggers name: %w", err)
	}
	if !poll.Selects(jobs, notice.Job) {
		return fmt.Sprintf("no enabled trigger names job %q on master %q", notice.Job, master), nil
	}
	err = m.Store.Update(ctx, func(tx store.Tx) error {
		w := wish{Master: master, Job: notice.Job, Number: notice.Number, At: tx.Now()}
		row, err := json.Marshal(w)
		if err != nil {
			return err
		}
		return tx.PutJobStates(wishes, map[string][]byte{w.name(): row})
	})
	if err != nil {
		return "", fmt.Errorf("store that job %q on master %q is to be looked at: %w", notice.Job, master, err)
	}
	select {
	case m.told <- struct{}{}:
	default:
	}
	return "", nil
}

// hear tells the watchers of masters of which there are wishes, until ctx ends.
func (m *Masters) hear(ctx context.Context) {
	tick := time.NewTicker(hearEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-m.told:
		case <-tick.C:
		}
		if err := m.passOn(ctx); err != nil && ctx.Err() == nil {
			m.Log.Warn("look for jobs that are to be looked at", "error", err)
		}
	}
}

// passOn nudges the watchers that have wishes to fulfil, and forgets wishes that nobody has fulfilled for long.
func (m *Masters) passOn(ctx context.Context) error {
	rows, now, err := m.wishes(ctx)
	if err != nil {
		return err
	}
	stale := map[string][]byte{}
	for name, row := range rows {
		var w wish
		if err := json.Unmarshal(row, &w); err != nil || now.Sub(w.At) > staleAfter {
			stale[name] = row
			continue
		}
		if found, ok := m.byName[w.Master]; ok {
			select {
			case found.nudge <- struct{}{}:
			default:
			}
		}
	}
	if len(stale) == 0 {
		return nil
	}
	return m.Store.Update(ctx, func(tx store.Tx) error { return fulfilled(tx, stale) })
}

func (m *Masters) wishes(ctx context.Context) (rows map[string][]byte, now time.Time, err error) {
	err = m.Store.View(ctx, func(r store.Reader) (err error) {
		now = r.Now()
		rows, err = r.JobStates(wishes)
		return err
	})
	return rows, now, err
}

// fulfilled forgets wishes that are still what they were.
func fulfilled(tx store.Tx, rows map[string][]byte) error {
	stored, err := tx.JobStates(wishes)
	if err != nil {
		return err
	}
	gone := map[string][]byte{}
	for name, row := range rows {
		if bytes.Equal(stored[name], row) {
			gone[name] = nil
		}
	}
	return tx.PutJobStates(wishes, gone)
}

// eager is a job that is looked at outside the rhythm.
type eager struct {
	number int64
	due    time.Time
	tries  int
	// name and row are the wish's in the store; row is nil once it is fulfilled.
	name string
	row  []byte
}

// listen takes over the wishes about the watcher's master.
func (w *watcher) listen(ctx context.Context) error {
	rows, _, err := w.wishes(ctx)
	if err != nil {
		return fmt.Errorf("read which jobs are to be looked at: %w", err)
	}
	prefix := url.PathEscape(w.master.Name) + "/"
	for name, row := range rows {
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		var wished wish
		if json.Unmarshal(row, &wished) != nil {
			continue
		}
		if known := w.eager[wished.Job]; known == nil || !bytes.Equal(known.row, row) {
			w.eager[wished.Job] = &eager{number: wished.Number, due: time.Now(), name: name, row: row}
		}
	}
	return nil
}

// lookAtEager looks at the jobs that are due outside the rhythm.
func (w *watcher) lookAtEager(ctx context.Context) error {
	var names []string
	for name, e := range w.eager {
		if !time.Now().Before(e.due) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	slices.Sort(names)
	result, err := w.poller.Look(ctx, names, w.states)
	maps.Copy(w.told, w.tell(result.Problems))
	if err := errors.Join(err, w.store(ctx, result)); err != nil {
		return err
	}
	return w.looked(ctx, names)
}

// looked forgets the wishes about jobs that were looked at, and has those with a build that has not ended looked at again.
func (w *watcher) looked(ctx context.Context, names []string) error {
	rows := map[string][]byte{}
	for _, name := range names {
		e := w.eager[name]
		if e.row != nil {
			rows[e.name], e.row = e.row, nil
		}
		if e.tries == againTimes || w.settled(name, e.number) {
			delete(w.eager, name)
			continue
		}
		e.due = time.Now().Add(againFirst << e.tries)
		e.tries++
	}
	if len(rows) == 0 {
		return nil
	}
	err := w.Store.Update(ctx, func(tx store.Tx) error {
		if err := w.lease.Fence(tx); err != nil {
			return err
		}
		return fulfilled(tx, rows)
	})
	if err != nil {
		return fmt.Errorf("forget which jobs were to be looked at: %w", err)
	}
	return nil
}

// settled says whether a build, 0 being any, was seen to end.
func (w *watcher) settled(job string, number int64) bool {
	state, known := w.states[job]
	if !known || int64(state.LastNumber) < number {
		return false
	}
	return !slices.ContainsFunc(state.Open, func(open poll.Open) bool { return number == 0 || int64(open.Number) == number })
}
