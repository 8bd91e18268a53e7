package artifact

// Entry is what an execution's trigger says of an expected artifact: what was there, what was chosen, and by which rule.
type Entry struct {
	ID string `json:"expectedArtifactId"`
	// Rule is "received", "prior" or "default".
	Rule   Source `json:"rule"`
	Chosen string `json:"chosen"`
	// Text says all of it in a sentence.
	Text       string    `json:"text"`
	Candidates []Weighed `json:"candidates"`
	// More counts the candidates that are not shown.
	More int `json:"more,omitempty"`
}

// Weighed is what was thought of one candidate.
type Weighed struct {
	Artifact string `json:"artifact"`
	From     Source `json:"from"`
	// Mismatch says why it does not fit; left out for one that does.
	Mismatch string `json:"mismatch,omitempty"`
}

// Entries are the report as data.
func (r Resolution) Entries() []Entry {
	entries := make([]Entry, len(r.Report))
	for i, f := range r.Report {
		shown := f.Candidates[:min(len(f.Candidates), maxShown)]
		entries[i] = Entry{ID: f.Expected.ID, Rule: f.Source, Chosen: title(f.Expected.BoundArtifact), Text: f.String(),
			Candidates: make([]Weighed, len(shown)), More: len(f.Candidates) - len(shown)}
		for j, c := range shown {
			entries[i].Candidates[j] = Weighed{Artifact: title(&c.Artifact), From: c.From, Mismatch: c.Mismatch}
		}
	}
	return entries
}
