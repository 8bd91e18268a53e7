package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
)

// synced is how many executions run while the agent's system calls are counted.
const synced = 50

// syncCall is the begin of a system call, in strace's output, that returns when data is on the disk.
var syncCall = regexp.MustCompile(`(?m)\b(fsync|fdatasync)\(`)

// syncs counts how often the agent has its disk written for each commit: a commit that is not synced is lost with the
// machine's power, which no kill of a process shows.
func syncs(ctx context.Context) ([]row, error) {
	if _, err := exec.LookPath("strace"); err != nil {
		return []row{{measure: "syncs for each commit", here: "not counted: there is no strace (Debian: apt-get install strace)"}}, nil
	}
	return withRig(ctx, func(r *rig) ([]row, error) {
		if err := r.save(ctx, object{"name": "waits", "stages": waits(3)}); err != nil {
			return nil, err
		}
		var cost cost
		calls, err := countSyncs(r.agent.PID(), filepath.Join(r.Dir, "strace"), func() (err error) {
			cost, err = r.rate(ctx, synced, 1)
			return err
		})
		if err != nil {
			return nil, err
		}
		return []row{numbers("syncs of the disk for each commit, SQLite", float64(calls)/(synced*cost.commits), "", 1, " (a commit that changed nothing needs none)")}, nil
	})
}

// countSyncs counts the syncs of a process during some work.
func countSyncs(pid int, file string, work func() error) (count int, err error) {
	trace := exec.Command("strace", "-f", "-p", fmt.Sprint(pid), "-e", "trace=fsync,fdatasync", "-o", file)
	said, err := trace.StderrPipe()
	if err != nil {
		return 0, err
	}
	if err := trace.Start(); err != nil {
		return 0, err
	}
	lines := bufio.NewScanner(said)
	for lines.Scan() && !strings.Contains(lines.Text(), "attached") {
	}
	err = work()
	if signaled := trace.Process.Signal(syscall.SIGINT); signaled != nil {
		return 0, errors.Join(err, fmt.Errorf("strace: %w: %s", signaled, lines.Text()))
	}
	for lines.Scan() { // strace waits for who reads what it says
	}
	var exit *exec.ExitError // strace ends with the signal that it was sent
	if waited := trace.Wait(); waited != nil && !errors.As(waited, &exit) {
		return 0, errors.Join(err, waited)
	}
	if err != nil {
		return 0, err
	}
	text, err := os.ReadFile(file)
	return len(syncCall.FindAll(text, -1)), err
}
