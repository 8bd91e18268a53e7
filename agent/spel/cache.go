package spel

import "sync"

// maxCached bounds what one generation of a cache keeps, in bytes of source or
// instructions of patterns; a parsed text takes some tens of bytes for each.
const maxCached = 1 << 19

// cache keeps parsed texts in two generations: when the young one is full it
// becomes the old one, and what is still used moves back.
type cache[T any] struct {
	capacity   int         // entries of a generation
	size       func(T) int // of an entry, in the unit of maxCached
	mu         sync.RWMutex
	young, old map[string]T
	kept       int // size of the young generation
}

func (c *cache[T]) get(text string) (T, bool) {
	c.mu.RLock()
	v, ok := c.young[text]
	if ok {
		c.mu.RUnlock()
		return v, true
	}
	v, ok = c.old[text]
	c.mu.RUnlock()
	if ok {
		c.put(text, v)
	}
	return v, ok
}

func (c *cache[T]) put(text string, v T) {
	size := c.size(v)
	if size > maxCached {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.young[text]; known {
		return
	}
	if len(c.young) >= c.capacity || c.kept+size > maxCached {
		c.old, c.young, c.kept = c.young, nil, 0
	}
	if c.young == nil {
		c.young = make(map[string]T)
	}
	c.young[text] = v
	c.kept += size
}
