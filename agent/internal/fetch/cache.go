package fetch

import (
	"bytes"
	"container/list"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
)

const (
	// maxCached and maxCachedBody bound the cache and each body in it, in bytes.
	maxCached     = 32 << 20
	maxCachedBody = 4 << 20
)

// cache keeps bodies with what their servers gave to recognise them by, so that a file that has not changed is not sent
// again. Every use asks the server, with the account's credentials, whether that is so.
type cache struct {
	mu     sync.Mutex
	bodies map[string]*list.Element
	// used has the bodies in the order of their last use, the latest in front.
	used list.List
	size int
}

// cached is a body that was read to its end.
type cached struct {
	key                string
	etag, lastModified string
	body               []byte
}

// cacheKey is what a body is kept by: the same address may give other things to another account, or in another form.
func cacheKey(account, form, target string) string {
	return strings.Join([]string{account, form, target}, "\n")
}

// find returns the body of a key, nil for none.
func (c *cache) find(key string) *cached {
	c.mu.Lock()
	defer c.mu.Unlock()
	element, ok := c.bodies[key]
	if !ok {
		return nil
	}
	c.used.MoveToFront(element)
	return element.Value.(*cached)
}

// keep adds a body, in place of the one that had its key, and drops those that were not used for the longest time.
func (c *cache) keep(body *cached) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.bodies == nil {
		c.bodies = map[string]*list.Element{}
	}
	if old, ok := c.bodies[body.key]; ok {
		c.drop(old)
	}
	c.bodies[body.key] = c.used.PushFront(body)
	for c.size += len(body.body); c.size > maxCached; {
		c.drop(c.used.Back())
	}
}

func (c *cache) drop(element *list.Element) {
	old := c.used.Remove(element).(*cached)
	delete(c.bodies, old.key)
	c.size -= len(old.body)
}

// open returns the body of a key, nil for none. It is for bodies that are never others under the same key.
func (c *cache) open(key string) io.ReadCloser {
	found := c.find(key)
	if found == nil {
		return nil
	}
	return io.NopCloser(bytes.NewReader(found.body))
}

// recorder collects a body as it is read, and hands it to the cache at its end. Without a record it does nothing.
type recorder struct {
	record *cached
	cache  *cache
}

// add takes what a read has given.
func (r *recorder) add(p []byte, err error) {
	switch {
	case r.record == nil:
	case len(r.record.body)+len(p) > maxCachedBody, err != nil && !errors.Is(err, io.EOF):
		r.record = nil
	default:
		r.record.body = append(r.record.body, p...)
		if err != nil {
			r.cache.keep(r.record)
			r.record = nil
		}
	}
}

// recorded is a body that a recorder collects.
type recorded struct {
	io.ReadCloser
	recorder
}

func (r *recorded) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	r.add(p[:n], err)
	return n, err
}

// recorded has a body collected.
func (c *cache) recorded(body io.ReadCloser, record *cached) io.ReadCloser {
	return &recorded{body, recorder{record, c}}
}

// ask makes a request conditional.
func (b *cached) ask(r *http.Request) {
	if b.etag != "" {
		r.Header.Set("If-None-Match", b.etag)
	}
	if b.lastModified != "" {
		r.Header.Set("If-Modified-Since", b.lastModified)
	}
}

// recording starts to keep the body of an answer; nil when it says nothing to recognise it by, is too large, or is not
// to be kept.
func recording(key string, response *http.Response) *cached {
	etag, modified := response.Header.Get("ETag"), response.Header.Get("Last-Modified")
	if etag == "" && modified == "" || response.ContentLength > maxCachedBody || strings.Contains(response.Header.Get("Cache-Control"), "no-store") {
		return nil
	}
	return &cached{key: key, etag: etag, lastModified: modified}
}
