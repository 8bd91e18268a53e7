package pluginhost

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"time"
)

// What a plugin may print per second to the agent's log.
const (
	outputWindow = time.Second
	outputLines  = 200
)

// outputLog writes what a plugin prints to the agent's log, at most outputLines in each outputWindow.
type outputLog struct {
	log *slog.Logger
	now func() time.Time

	mu      sync.Mutex
	begin   time.Time
	lines   int
	dropped int
}

func (o *outputLog) add(line string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if now := o.now(); now.Sub(o.begin) >= outputWindow {
		if o.dropped > 0 {
			o.log.Warn("plugin prints too much: lines dropped", "lines", o.dropped)
		}
		o.begin, o.lines, o.dropped = now, 0, 0
	}
	if o.lines++; o.lines > outputLines {
		o.dropped++
		return
	}
	level, text := parseLine(line)
	o.log.Log(context.Background(), level, "plugin says: "+clean(text, 4<<10))
}

// parseLine understands the JSON lines of slog and of hclog; other lines are information.
func parseLine(line string) (slog.Level, string) {
	var entry struct {
		Level    string `json:"level"`
		Message  string `json:"msg"`
		HLevel   string `json:"@level"`
		HMessage string `json:"@message"`
	}
	if json.Unmarshal([]byte(line), &entry) != nil {
		return slog.LevelInfo, line
	}
	if entry.HMessage != "" {
		return levelOf(entry.HLevel), line
	}
	return levelOf(entry.Level), line
}
