package jenkins

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// LogPart is a piece of a build's console log.
type LogPart struct {
	Text string
	// Next is where to go on, in the master's own count, which includes bytes
	// that are not shown; never compute it from Text.
	Next     int64
	More     bool // the build still writes
	Replaced bool // the log is shorter than the asked start: Text is the whole new log
	Cut      bool // Text stops at the limit, before Next
}

// Log reads a build's console log from start, as given by LogPart.Next before
// (0 at first), at most limit bytes.
func (c *Client) Log(ctx context.Context, job string, number int, start int64, limit int) (LogPart, error) {
	about := call{op: "read log of build", job: job, build: number}
	part, body, err := c.openLog(ctx, about, start)
	if err != nil {
		return LogPart{}, err
	}
	text, err := io.ReadAll(io.LimitReader(body, int64(limit)+1))
	if closeErr := body.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return LogPart{}, c.typed(about, err)
	}
	if part.Cut = len(text) > limit; part.Cut {
		text = text[:limit]
	}
	part.Text = string(bytes.ToValidUTF8(text, []byte("\ufffd")))
	return part, nil
}

// LogTail reads the last size bytes of a build's console log, from the start of
// a line.
func (c *Client) LogTail(ctx context.Context, job string, number, size int) (LogPart, error) {
	about := call{op: "read log of build", job: job, build: number}
	// The size is in the header of an answer whose body need not be read.
	whole, body, err := c.openLog(ctx, about, 0)
	if err != nil {
		return LogPart{}, err
	}
	if err := body.Close(); err != nil {
		return LogPart{}, c.typed(about, err)
	}
	start := max(whole.Next-int64(size), 0)
	part, err := c.Log(ctx, job, number, start, size)
	if err != nil || start == 0 {
		return part, err
	}
	// Our start may lie inside a hidden note, which then prints as garbage.
	if _, after, found := bytes.Cut([]byte(part.Text), []byte("\n")); found {
		part.Text = string(after)
	}
	return part, nil
}

func (c *Client) openLog(ctx context.Context, about call, start int64) (LogPart, io.ReadCloser, error) {
	address := fmt.Sprintf("%s%s/logText/progressiveText?start=%d", c.base, buildPath(about.job, about.build), start)
	const noLimit = 1 << 62 // the readers stop by themselves; logs may be of any size
	response, body, err := c.open(ctx, about, address, noLimit)
	if err != nil {
		return LogPart{}, nil, err
	}
	size, err := strconv.ParseInt(response.Header.Get("X-Text-Size"), 10, 64)
	if response.StatusCode >= 300 || err != nil || size < 0 {
		e := c.failure(about, KindLogin, response.StatusCode, fmt.Sprintf("%s answered a page, not the log", c.name))
		return LogPart{}, nil, c.typed(about, errors.Join(e, body.Close()))
	}
	return LogPart{Next: size, More: response.Header.Get("X-More-Data") == "true", Replaced: size < start}, body, nil
}
