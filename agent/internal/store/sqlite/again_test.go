package sqlite_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/agent/internal/store/internal/rows"
	"github.com/gennaker/gennaker/agent/internal/store/sqlite"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// repeating is a store whose updates collide with others': each function runs in vain twice, once to its end, and once
// failing at its first statement.
type repeating struct{ store.Store }

func (r repeating) Update(ctx context.Context, change func(store.Tx) error) error {
	collision := errors.New("another transaction was in the way")
	err := r.Store.Update(ctx, func(tx store.Tx) error { return cmp.Or(change(tx), collision) })
	if !errors.Is(err, collision) {
		return err
	}
	err = r.Store.Update(ctx, func(tx store.Tx) error {
		tx.(*rows.Tx).End()
		return errors.Join(change(tx), collision)
	})
	if !errors.Is(err, collision) {
		return err
	}
	return r.Store.Update(ctx, change)
}

// A body is the same whether the updates that store it run once or again.
func TestBodiesWhoseUpdatesRunAgain(t *testing.T) {
	s := openAt(t, sqlite.Options{Path: file(t)})
	bodies := rows.Bodies{Store: repeating{s}}
	update(t, s, func(tx store.Tx) error {
		return tx.SaveExecution(&engine.Execution{Execution: &spinnaker.Execution{ID: "ex", Status: spinnaker.Running}})
	})
	large := []byte(strings.Repeat("0123456789abcdefghijklmnopqrstuvwxyz\x00\xff", 40_000))
	for i := range large {
		large[i] ^= byte(i * i >> 7) // compresses badly: several chunks
	}
	for name, body := range map[string][]byte{"small": []byte("small"), "large": large} {
		for range 2 { // the second time it is there already
			blob, err := bodies.PutBlob(t.Context(), store.BlobRef{ExecutionID: "ex"}, "text/plain", bytes.NewReader(body), 1<<24)
			if err != nil {
				t.Fatal(err)
			}
			stream, found, err := bodies.OpenBlob(t.Context(), blob.SHA256)
			if err != nil {
				t.Fatal(err)
			}
			data, err := io.ReadAll(stream)
			if err := errors.Join(err, stream.Close()); err != nil || !bytes.Equal(data, body) {
				t.Errorf("%s: %d bytes came back of %d, %v", name, len(data), len(body), err)
			}
			if found != blob || found.MediaType != "text/plain" || found.SHA256 == "" {
				t.Errorf("%s: stored as %+v, found as %+v", name, blob, found)
			}
		}
	}
	if left, err := bodies.CollectBlobs(t.Context(), 0); err != nil || left != 0 {
		t.Errorf("%d bodies have no reference, %v", left, err)
	}
}
