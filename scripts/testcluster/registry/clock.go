package registry

import (
	"sync/atomic"
	"time"
)

// clock is the real time plus an offset that tests move forward, so that a
// token of twelve hours can be seen to expire.
type clock struct{ offset atomic.Int64 }

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.offset.Load())) }

func (c *clock) advance(d time.Duration) { c.offset.Add(int64(d)) }
