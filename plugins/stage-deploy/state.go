package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/gennaker/gennaker/plugins/sdk"
)

// phase is what the next step does.
type phase string

// The phases, in order.
const (
	phaseResolve   phase = "resolve"
	phasePrepare   phase = "prepare"
	phasePreflight phase = "preflight"
	phaseApply     phase = "apply"
	phasePromote   phase = "promote"
	phaseSettle    phase = "settle"
	phaseCleanup   phase = "cleanup"
)

const (
	// maxNotes and maxNote bound what is remembered of findings and warnings, so that the state stays small.
	maxNotes = 30
	maxNote  = 800
	// maxAiling bounds how many objects' problems are timed; more than that are timed later.
	maxAiling = 100
)

// state is what a step leaves for the next one. Objects are in blobs: the state must stay under 64 KiB.
type state struct {
	Phase phase `json:"phase"`
	// Objects is the resolved manifest, Set what was prepared of it.
	Objects *sdk.Blob `json:"objects,omitempty"`
	Set     *sdk.Blob `json:"set,omitempty"`
	// Count is how many objects the set has, Next the one at which the phase goes on.
	Count int `json:"count,omitempty"`
	Next  int `json:"next,omitempty"`

	Findings notes `json:"findings,omitzero"`
	Warnings notes `json:"warnings,omitzero"`

	// Deleting is the object that must go before its successor is created (recreate).
	Deleting types.UID `json:"deleting,omitempty"`

	// SettleSince is when the wait for stability began. Settled has a letter for each object, see settle.go; Ailing
	// remembers since when an object has had its problem, by position.
	SettleSince time.Time      `json:"settleSince,omitzero"`
	Settled     string         `json:"settled,omitempty"`
	Ailing      map[int]ailing `json:"ailing,omitempty"`

	// Trying counts fruitless tries in a row, since TryingSince.
	Trying      int       `json:"trying,omitempty"`
	TryingSince time.Time `json:"tryingSince,omitzero"`

	// Tasks has begin and end of the tasks so far.
	Tasks map[phase]span `json:"tasks,omitempty"`
}

type ailing struct {
	Reason string    `json:"reason"`
	Since  time.Time `json:"since"`
}

type span struct {
	Start time.Time `json:"start"`
	End   time.Time `json:"end,omitzero"`
}

// notes are sentences for people, as many as there is room for.
type notes struct {
	Texts   []string `json:"texts,omitempty"`
	Dropped int      `json:"dropped,omitempty"`
}

func (n *notes) add(texts ...string) {
	for _, text := range texts {
		if len(text) > maxNote {
			text = strings.ToValidUTF8(text[:maxNote], "") + "…"
		}
		switch {
		case slices.Contains(n.Texts, text):
		case len(n.Texts) == maxNotes:
			n.Dropped++
		default:
			n.Texts = append(n.Texts, text)
		}
	}
}

func (n notes) list() []string {
	if n.Dropped == 0 {
		return n.Texts
	}
	return append(slices.Clone(n.Texts), fmt.Sprintf("and %d more", n.Dropped))
}

func (n notes) empty() bool { return len(n.Texts) == 0 }

func readState(text []byte) (*state, error) {
	if len(text) == 0 {
		return &state{Phase: phaseResolve}, nil
	}
	var s state
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, fmt.Errorf("state of an earlier step: %w", err)
	}
	return &s, nil
}

func (s *state) encode() ([]byte, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	return text, nil
}

// ail remembers since when an object has its problem.
func (s *state) ail(position int, a ailing) {
	if s.Ailing == nil {
		s.Ailing = make(map[int]ailing)
	}
	if len(s.Ailing) < maxAiling {
		s.Ailing[position] = a
	}
}

// enter moves to a phase and notes the time for the task list.
func (s *state) enter(p phase, now time.Time) {
	s.close(now)
	s.Phase, s.Next = p, 0
	s.begin(now)
}

func (s *state) begin(now time.Time) {
	if s.Tasks == nil {
		s.Tasks = make(map[phase]span)
	}
	if _, begun := s.Tasks[s.Phase]; !begun {
		s.Tasks[s.Phase] = span{Start: now}
	}
}

func (s *state) close(now time.Time) {
	if open, ok := s.Tasks[s.Phase]; ok {
		open.End = now
		s.Tasks[s.Phase] = open
	}
}
