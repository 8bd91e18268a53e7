package rows

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/gennaker/gennaker/agent/internal/store"
)

const (
	// chunkSize is how many compressed bytes a row holds.
	chunkSize = 256 << 10
	// windowSize bounds what compressing and decompressing one body takes of memory.
	windowSize = 1 << 20
	// collectBatch is how many bodies are deleted in one update.
	collectBatch = 20
)

// Bodies are the bodies of a store, whose Update and View hand out a *Tx and a *Reader of this package.
type Bodies struct{ Store transactions }

// transactions are what Bodies need of a store.
type transactions interface {
	Update(ctx context.Context, change func(store.Tx) error) error
	View(ctx context.Context, read func(store.Reader) error) error
}

// PutBlob implements store.Store. Chunks are stored as they fill; what an upload that broke off has left is collected.
func (b Bodies) PutBlob(ctx context.Context, ref store.BlobRef, mediaType string, body io.Reader, limit int64) (store.Blob, error) {
	up := &upload{ctx: ctx, store: b.Store}
	received, err := up.receive(body, limit)
	var blob store.Blob
	if err == nil {
		received.MediaType = mediaType
		err = b.Store.Update(ctx, func(change store.Tx) (err error) {
			blob, err = up.finish(change.(*Tx), received, ref)
			return err
		})
	}
	if err != nil {
		return store.Blob{}, fmt.Errorf("store a body for stage %q of execution %q: %w", ref.StageID, ref.ExecutionID, err)
	}
	return blob, nil
}

// upload takes compressed bytes and stores them in chunks, the last of them when it is finished.
type upload struct {
	ctx    context.Context
	store  transactions
	id     int64 // of the row of blob; 0 while there is none
	chunks int
	buffer []byte
}

// receive compresses the body into the upload and computes its name.
func (u *upload) receive(body io.Reader, limit int64) (store.Blob, error) {
	encoder, err := zstd.NewWriter(u, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(windowSize))
	if err != nil {
		return store.Blob{}, err
	}
	hash := sha256.New()
	size, err := io.Copy(io.MultiWriter(hash, encoder), io.LimitReader(body, limit+1))
	if err == nil && size > limit {
		err = fmt.Errorf("the body is larger than %d bytes: %w", limit, store.ErrTooLarge)
	}
	// Closing flushes, and gives the encoder's memory back in any case.
	if closed := encoder.Close(); err == nil {
		err = closed
	}
	return store.Blob{SHA256: hex.EncodeToString(hash.Sum(nil)), Size: size}, err
}

// Write takes compressed bytes.
func (u *upload) Write(data []byte) (int, error) {
	u.buffer = append(u.buffer, data...)
	for len(u.buffer) > chunkSize {
		var id int64
		err := u.store.Update(u.ctx, func(change store.Tx) (err error) {
			id, err = u.flush(change.(*Tx), u.buffer[:chunkSize])
			return err
		})
		if err != nil {
			return 0, err
		}
		u.id = id
		u.buffer = append(u.buffer[:0], u.buffer[chunkSize:]...)
		u.chunks++
	}
	return len(data), nil
}

// flush stores the next chunk, and before the first one the row it belongs to, whose id it returns.
func (u *upload) flush(t *Tx, chunk []byte) (id int64, err error) {
	if id = u.id; id == 0 {
		id, err = one(&t.scope, store.ErrNotFound, scanned[int64],
			"INSERT INTO blob (size, chunks, media_type, created_at) VALUES (0, 0, '', $1) RETURNING id", micros(t.Now()))
		if err != nil {
			return 0, err
		}
	}
	return id, t.queue("INSERT INTO blob_chunk (blob_id, seq, data) VALUES ($1, $2, $3)", id, u.chunks, chunk)
}

// finish gives the body its name, unless that body is there already, and its reference.
func (u *upload) finish(t *Tx, blob store.Blob, ref store.BlobRef) (store.Blob, error) {
	if present, err := t.blob(blob.SHA256); err != nil {
		return store.Blob{}, err
	} else if present != nil {
		if _, err := t.exec("DELETE FROM blob WHERE id = $1", u.id); err != nil {
			return store.Blob{}, err
		}
		return present.Blob, t.refer(ref, present.id)
	}
	id, err := u.flush(t, u.buffer)
	if err != nil {
		return store.Blob{}, err
	}
	err = t.change(fmt.Errorf("the upload took too long and was collected: %w", store.ErrNotFound),
		"UPDATE blob SET sha256 = $2, size = $3, chunks = $4, media_type = $5 WHERE id = $1",
		id, blob.SHA256, blob.Size, u.chunks+1, blob.MediaType)
	if err != nil {
		return store.Blob{}, err
	}
	return blob, t.refer(ref, id)
}

// storedBlob is a complete body.
type storedBlob struct {
	store.Blob
	id     int64
	chunks int
}

// blob returns the body of that name, or nil.
func (r *Reader) blob(name string) (*storedBlob, error) {
	return one(&r.scope, nil, func(rows Rows) (*storedBlob, error) {
		b := &storedBlob{}
		return b, rows.Scan(&b.id, &b.SHA256, &b.Size, &b.chunks, &b.MediaType)
	}, "SELECT id, sha256, size, chunks, media_type FROM blob WHERE sha256 = $1", name)
}

// refer adds a reference.
func (t *Tx) refer(ref store.BlobRef, blob int64) error {
	_, err := one(&t.scope, notFound("execution", ref.ExecutionID), scanned[int],
		"SELECT 1 FROM execution WHERE id = $1", ref.ExecutionID)
	if err != nil {
		return err
	}
	_, err = t.exec(`INSERT INTO blob_ref (execution_id, stage_id, attempt, blob_id) VALUES ($1, $2, $3, $4)
		ON CONFLICT DO NOTHING`, ref.ExecutionID, ref.StageID, ref.Attempt, blob)
	return err
}

// MoveBlobRefs implements store.Tx.
func (t *Tx) MoveBlobRefs(from, to store.BlobRef) error {
	if from == to {
		return nil
	}
	_, err := t.exec(`INSERT INTO blob_ref (execution_id, stage_id, attempt, blob_id)
		SELECT $4, $5, $6, blob_id FROM blob_ref WHERE execution_id = $1 AND stage_id = $2 AND attempt = $3
		ON CONFLICT DO NOTHING`,
		from.ExecutionID, from.StageID, from.Attempt, to.ExecutionID, to.StageID, to.Attempt)
	if err != nil {
		return fmt.Errorf("move the bodies of execution %q to execution %q: %w", from.ExecutionID, to.ExecutionID, err)
	}
	return t.ReleaseBlobs(from)
}

// ReleaseBlobs implements store.Tx.
func (t *Tx) ReleaseBlobs(ref store.BlobRef) error {
	_, err := t.exec("DELETE FROM blob_ref WHERE execution_id = $1 AND stage_id = $2 AND attempt = $3",
		ref.ExecutionID, ref.StageID, ref.Attempt)
	if err != nil {
		return fmt.Errorf("release the bodies of execution %q: %w", ref.ExecutionID, err)
	}
	return nil
}

// OpenBlob implements store.Store.
func (b Bodies) OpenBlob(ctx context.Context, sha256 string) (io.ReadCloser, store.Blob, error) {
	var blob *storedBlob
	err := b.Store.View(ctx, func(r store.Reader) (err error) {
		blob, err = r.(*Reader).blob(sha256)
		return err
	})
	if err != nil {
		return nil, store.Blob{}, fmt.Errorf("open body %q: %w", sha256, err)
	}
	if blob == nil {
		return nil, store.Blob{}, notFound("body", sha256)
	}
	decoder, err := zstd.NewReader(&chunkReader{ctx: ctx, store: b.Store, blob: blob}, zstd.WithDecoderConcurrency(1),
		zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(windowSize))
	if err != nil {
		return nil, store.Blob{}, fmt.Errorf("open body %q: %w", sha256, err)
	}
	return decoder.IOReadCloser(), blob.Blob, nil
}

// chunkReader reads the compressed bytes of a body, a chunk at a time.
type chunkReader struct {
	ctx   context.Context
	store transactions
	blob  *storedBlob
	next  int
	rest  []byte
}

func (c *chunkReader) Read(p []byte) (int, error) {
	if len(c.rest) == 0 {
		if c.next == c.blob.chunks {
			return 0, io.EOF
		}
		err := c.store.View(c.ctx, func(r store.Reader) (err error) {
			c.rest, err = one(&r.(*Reader).scope, fmt.Errorf("was deleted while it was read: %w", store.ErrNotFound),
				scanned[[]byte], "SELECT data FROM blob_chunk WHERE blob_id = $1 AND seq = $2", c.blob.id, c.next)
			return err
		})
		if err != nil {
			return 0, fmt.Errorf("read body %q: %w", c.blob.SHA256, err)
		}
		c.next++
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

// CollectBlobs implements store.Store.
func (b Bodies) CollectBlobs(ctx context.Context, age time.Duration) (int, error) {
	total := 0
	for {
		deleted := 0
		err := b.Store.Update(ctx, func(change store.Tx) error {
			t := change.(*Tx)
			ids, err := list(&t.scope, scanned[int64], `DELETE FROM blob WHERE id IN (SELECT id FROM blob
				WHERE created_at <= $1 AND NOT EXISTS (SELECT 1 FROM blob_ref WHERE blob_id = blob.id) LIMIT $2`+t.dialect.Unused+`)
				RETURNING id`, t.Now().Add(-age).UnixMicro(), collectBatch)
			deleted = len(ids)
			return err
		})
		if err != nil {
			return total, fmt.Errorf("collect bodies: %w", err)
		}
		total += deleted
		if deleted < collectBatch {
			return total, nil
		}
	}
}
