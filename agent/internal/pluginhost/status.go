package pluginhost

import "time"

// PluginStatus is how a plugin fares.
type PluginStatus struct {
	Name, Path string
	State      State
	// Since is when it came into that state.
	Since time.Time
	// Version and APIVersion are those of the last start that succeeded.
	Version, APIVersion string
	// PID is 0 when no process is running.
	PID int
	// Restarts counts the starts after the first.
	Restarts int
	// Error is why it is not running, or was not the last time.
	Error      string
	StageTypes []string
	// Conflicts say which of its stage types another plugin provides.
	Conflicts []string
}

// Status of all plugins, in the order of the configuration.
func (m *Manager) Status() []PluginStatus {
	m.mu.Lock()
	conflicts := m.conflicts
	m.mu.Unlock()
	var all []PluginStatus
	for _, w := range m.workers {
		s := w.status()
		s.Conflicts = conflicts[s.Name]
		all = append(all, s)
	}
	return all
}

func (w *worker) status() PluginStatus {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := PluginStatus{
		Name: w.plugin.Name, Path: w.plugin.Path, State: w.currentState(), Since: w.since, Restarts: max(w.starts-1, 0),
	}
	if w.instance != nil && !w.instance.exited() {
		s.PID = w.instance.process.PID()
	}
	if w.err != nil {
		s.Error = w.err.Error()
	}
	if w.info != nil {
		s.Version, s.APIVersion = w.info.version, w.info.apiVersion
		for _, t := range w.info.types {
			s.StageTypes = append(s.StageTypes, t.Type)
		}
	}
	return s
}

// stageTypes are those of the last instance.
func (w *worker) stageTypes() []StageType {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.info == nil {
		return nil
	}
	return w.info.types
}
