package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const (
	// startLimit is the promise about the agent's start, memoryLimit that about each process's resident memory, in MiB.
	startLimit  = 2 * time.Second
	memoryLimit = 60
	// idleTime is how long the processes idle before their memory is looked at.
	idleTime = 30 * time.Second
)

// processFigures measure the agent's start, and what it and its plugins keep resident.
func processFigures(ctx context.Context) ([]row, error) {
	return withRig(ctx, func(r *rig) ([]row, error) {
		rows := []row{heldAgainst("agent started → ready", r.ready, "", startLimit)}
		if err := pause(ctx, idleTime); err != nil {
			return nil, err
		}
		plugins, err := children(r.agent.PID())
		if err != nil {
			return nil, err
		}
		for _, pid := range append([]int{r.agent.PID()}, plugins...) {
			name, resident, err := memory(pid)
			if err != nil {
				return nil, err
			}
			rows = append(rows, row{measure: fmt.Sprintf("%s resident after %s idle", name, idleTime),
				here: fmt.Sprintf("%.1f MiB", resident), against: fmt.Sprintf("%d MiB", memoryLimit), ratio: resident / memoryLimit})
		}
		return rows, nil
	})
}

// children are the ids of a process's children.
func children(pid int) ([]int, error) {
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		return nil, err
	}
	var all []int
	for _, list := range lists {
		text, err := os.ReadFile(list)
		if os.IsNotExist(err) {
			continue // the thread has ended
		}
		if err != nil {
			return nil, err
		}
		for _, field := range strings.Fields(string(text)) {
			child, err := strconv.Atoi(field)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", list, err)
			}
			all = append(all, child)
		}
	}
	return all, nil
}

// cpuTime is how long a process has used processors.
func cpuTime(pid int) (time.Duration, error) {
	file := fmt.Sprintf("/proc/%d/stat", pid)
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	return parseCPUTime(file, string(text))
}

// parseCPUTime reads the times in user and kernel mode, members 14 and 15, in ticks. The name before them is in brackets.
func parseCPUTime(file, text string) (time.Duration, error) {
	const tick = 10 * time.Millisecond // Linux shows all programs this one
	_, rest, _ := strings.Cut(text, ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, fmt.Errorf("%s: found %q, expected the state of a process", file, text)
	}
	var ticks int64
	for _, field := range fields[11:13] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", file, err)
		}
		ticks += n
	}
	return time.Duration(ticks) * tick, nil
}

// memory is a process's name and its resident memory in MiB.
func memory(pid int) (name string, resident float64, err error) {
	file := fmt.Sprintf("/proc/%d/status", pid)
	text, err := os.ReadFile(file)
	if err != nil {
		return "", 0, err
	}
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(line, ":")
		switch key {
		case "Name":
			name = strings.TrimSpace(value)
		case "VmRSS":
			var kib float64
			if _, err := fmt.Sscanf(value, "%f kB", &kib); err != nil {
				return "", 0, fmt.Errorf("%s: VmRSS: %w", file, err)
			}
			resident = kib / 1024
		}
	}
	return name, resident, nil
}
