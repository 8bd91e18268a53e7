package storetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/gennaker/gennaker/agent/internal/store"
)

// largest is the limit that the tests give where they do not test it.
const largest = 16 << 20

func blobTests() map[string]func(*testing.T, store.Store) {
	return map[string]func(*testing.T, store.Store){
		"bodies of any size come back":              testBlobSizes,
		"a body is stored once":                     testBlobTwice,
		"a body over the limit is refused":          testBlobLimit,
		"an upload that breaks off leaves nothing":  testBlobBroken,
		"references decide how long a body lives":   testBlobLife,
		"an execution takes its references with it": testBlobExecution,
		"a stage takes its references with it":      testBlobStage,
		"many bodies are collected":                 testCollectMany,
		"a body that nobody stored":                 testNoBlob,
	}
}

func put(tb testing.TB, s store.Store, ref store.BlobRef, body []byte) store.Blob {
	tb.Helper()
	blob, err := s.PutBlob(tb.Context(), ref, "text/plain", bytes.NewReader(body), largest)
	if err != nil {
		tb.Fatal(err)
	}
	return blob
}

func body(tb testing.TB, s store.Store, name string) []byte {
	tb.Helper()
	stream, _, err := s.OpenBlob(tb.Context(), name)
	if err != nil {
		tb.Fatal(err)
	}
	data, err := io.ReadAll(stream)
	if err != nil {
		tb.Fatal(err)
	}
	if err := stream.Close(); err != nil {
		tb.Fatal(err)
	}
	return data
}

func there(tb testing.TB, s store.Store, name string) bool {
	tb.Helper()
	stream, _, err := s.OpenBlob(tb.Context(), name)
	if errors.Is(err, store.ErrNotFound) {
		return false
	}
	if err != nil {
		tb.Fatal(err)
	}
	if err := stream.Close(); err != nil {
		tb.Fatal(err)
	}
	return true
}

func collect(tb testing.TB, s store.Store, age time.Duration) int {
	tb.Helper()
	n, err := s.CollectBlobs(tb.Context(), age)
	if err != nil {
		tb.Fatal(err)
	}
	return n
}

// noise does not compress.
func noise(size int) []byte {
	data := make([]byte, size)
	random := rand.NewChaCha8([32]byte{1})
	_, _ = random.Read(data) // never fails
	return data
}

func testBlobSizes(t *testing.T, s store.Store) {
	save(t, s, execution("ex"))
	bodies := map[string][]byte{
		"empty":             {},
		"one byte":          {7},
		"compresses well":   bytes.Repeat([]byte("manifest "), 1<<20),
		"one chunk exactly": noise(256 << 10),
		"many chunks":       noise(3<<20 + 17),
	}
	for name, want := range bodies {
		blob := put(t, s, store.BlobRef{ExecutionID: "ex"}, want)
		sum := sha256.Sum256(want)
		same(t, name, blob, store.Blob{SHA256: hex.EncodeToString(sum[:]), Size: int64(len(want)), MediaType: "text/plain"})
		if !bytes.Equal(body(t, s, blob.SHA256), want) {
			t.Errorf("%s: the body came back different", name)
		}
		stream, opened, err := s.OpenBlob(t.Context(), blob.SHA256)
		if err != nil {
			t.Fatal(err)
		}
		same(t, name+" opened", opened, blob)
		stream.Close()
	}
}

func testBlobTwice(t *testing.T, s store.Store) {
	for _, id := range []string{"ex1", "ex2"} {
		save(t, s, execution(id))
	}
	data := noise(1 << 20)
	var group sync.WaitGroup
	for _, ref := range []store.BlobRef{{ExecutionID: "ex1"}, {ExecutionID: "ex2"}, {ExecutionID: "ex2", StageID: "a", Attempt: 1}} {
		group.Go(func() { put(t, s, ref, data) })
	}
	group.Wait()
	name := put(t, s, store.BlobRef{ExecutionID: "ex1"}, data).SHA256
	same(t, "left to collect", collect(t, s, 0), 0)
	release := func(ref store.BlobRef) {
		update(t, s, func(tx store.Tx) error { return tx.ReleaseBlobs(ref) })
	}
	release(store.BlobRef{ExecutionID: "ex1"})
	release(store.BlobRef{ExecutionID: "ex2"})
	same(t, "collected while one reference is left", collect(t, s, 0), 0)
	release(store.BlobRef{ExecutionID: "ex2", StageID: "a", Attempt: 1})
	same(t, "collected", collect(t, s, 0), 1)
	same(t, "there", there(t, s, name), false)
}

func testBlobLimit(t *testing.T, s store.Store) {
	save(t, s, execution("ex"))
	ref := store.BlobRef{ExecutionID: "ex", StageID: "a"}
	if _, err := s.PutBlob(t.Context(), ref, "", strings.NewReader("12345"), 5); err != nil {
		t.Errorf("a body as large as the limit: %v", err)
	}
	_, err := s.PutBlob(t.Context(), ref, "", strings.NewReader("123456"), 5)
	if !errors.Is(err, store.ErrTooLarge) {
		t.Errorf("a body over the limit: found error %v", err)
	}
}

func testBlobBroken(t *testing.T, s store.Store) {
	save(t, s, execution("ex"))
	broken := errors.New("connection reset")
	half := io.MultiReader(bytes.NewReader(noise(1<<20)), iotest.ErrReader(broken))
	if _, err := s.PutBlob(t.Context(), store.BlobRef{ExecutionID: "ex"}, "", half, largest); !errors.Is(err, broken) {
		t.Fatalf("found error %v, expected the reader's", err)
	}
	same(t, "collected while young", collect(t, s, time.Hour), 0)
	same(t, "collected", collect(t, s, 0), 1)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.PutBlob(ctx, store.BlobRef{ExecutionID: "ex"}, "", strings.NewReader("x"), largest)
	same(t, "canceled", errors.Is(err, context.Canceled), true)
	_, err = s.PutBlob(t.Context(), store.BlobRef{ExecutionID: "nope"}, "", strings.NewReader("x"), largest)
	same(t, "for an unknown execution", errors.Is(err, store.ErrNotFound), true)
}

func testBlobLife(t *testing.T, s store.Store) {
	save(t, s, execution("ex"))
	upload, kept := store.BlobRef{ExecutionID: "ex", StageID: "a", Attempt: 1}, store.BlobRef{ExecutionID: "ex", StageID: "a"}
	name := put(t, s, upload, []byte("log")).SHA256
	update(t, s, func(tx store.Tx) error { return tx.MoveBlobRefs(upload, kept) })
	update(t, s, func(tx store.Tx) error { return tx.ReleaseBlobs(upload) })
	same(t, "collected after the move", collect(t, s, 0), 0)

	other := store.BlobRef{ExecutionID: "ex", StageID: "b"}
	for range 2 {
		same(t, "name of the same body", put(t, s, other, []byte("log")).SHA256, name)
	}
	update(t, s, func(tx store.Tx) error { return tx.MoveBlobRefs(other, other) })
	update(t, s, func(tx store.Tx) error { return tx.ReleaseBlobs(kept) })
	same(t, "collected with a second reference", collect(t, s, 0), 0)
	update(t, s, func(tx store.Tx) error { return tx.ReleaseBlobs(other) })
	same(t, "collected while young", collect(t, s, time.Hour), 0)
	same(t, "there", there(t, s, name), true)
	same(t, "collected", collect(t, s, 0), 1)
	same(t, "gone", there(t, s, name), false)
}

func testBlobExecution(t *testing.T, s store.Store) {
	save(t, s, execution("ex"))
	name := put(t, s, store.BlobRef{ExecutionID: "ex", StageID: "a"}, []byte("log")).SHA256
	update(t, s, func(tx store.Tx) error { return tx.DeleteExecution("ex") })
	same(t, "collected", collect(t, s, 0), 1)
	same(t, "there", there(t, s, name), false)
}

func testBlobStage(t *testing.T, s store.Store) {
	save(t, s, execution("ex", stage("a"), stage("b")))
	put(t, s, store.BlobRef{ExecutionID: "ex", StageID: "a"}, []byte("of a"))
	put(t, s, store.BlobRef{ExecutionID: "ex", StageID: "b"}, []byte("of b"))
	put(t, s, store.BlobRef{ExecutionID: "ex"}, []byte("of the execution"))
	save(t, s, execution("ex", stage("b")))
	same(t, "collected", collect(t, s, 0), 1)
}

func testCollectMany(t *testing.T, s store.Store) {
	save(t, s, execution("ex"))
	const many = 70
	for i := range many {
		put(t, s, store.BlobRef{ExecutionID: "ex"}, []byte{byte(i)})
	}
	update(t, s, func(tx store.Tx) error { return tx.ReleaseBlobs(store.BlobRef{ExecutionID: "ex"}) })
	same(t, "collected", collect(t, s, 0), many)
}

func testNoBlob(t *testing.T, s store.Store) {
	_, _, err := s.OpenBlob(t.Context(), "abc")
	same(t, "not found", errors.Is(err, store.ErrNotFound), true)
	same(t, "text", err.Error(), `body "abc": not found`)
}
