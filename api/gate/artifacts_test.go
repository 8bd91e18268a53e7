package gate

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/gin-gonic/gin"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// content is what every artifact has.
type content struct {
	Accounts
	body func() io.Reader
}

func (c content) FetchArtifact(context.Context, spinnaker.Artifact) (io.ReadCloser, error) {
	return io.NopCloser(c.body()), nil
}

// A transfer that fails half-way must not look like a whole file; one that fails at once is an error as any other.
func TestFetchThatFailsHalfWay(t *testing.T) {
	broken := iotest.ErrReader(errors.New("the connection broke"))
	for _, c := range []struct {
		name  string
		body  func() io.Reader
		want  string
		whole bool
	}{
		{"whole", func() io.Reader { return strings.NewReader("content") }, "content", true},
		{"empty", func() io.Reader { return strings.NewReader("") }, "", true},
		{"half", func() io.Reader { return io.MultiReader(strings.NewReader(strings.Repeat("x", 1<<16)), broken) }, strings.Repeat("x", 1<<16), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			gin.SetMode(gin.ReleaseMode)
			router := gin.New()
			(&API{Accounts: content{body: c.body}}).registerArtifacts(router)
			server := httptest.NewServer(router)
			defer server.Close()
			request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, server.URL+"/artifacts/fetch", strings.NewReader(`{"type": "http/file"}`))
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Content-Type", "application/json")
			answer, err := server.Client().Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			got, err := io.ReadAll(answer.Body)
			if c.whole != (err == nil) || c.whole && string(got) != c.want || len(got) > len(c.want) {
				t.Errorf("read %d bytes, %v", len(got), err)
			}
		})
	}
}

func TestStoredArtifactsAreBounded(t *testing.T) {
	gin.SetMode(gin.ReleaseMode)
	router := gin.New()
	var failed error
	router.Use(func(c *gin.Context) {
		c.Next()
		failed = c.Errors.Last()
	})
	(&API{Accounts: content{body: func() io.Reader { return io.LimitReader(zeros{}, maxStored+1) }}}).registerArtifacts(router)
	router.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/artifacts/content-address/shop/00", nil))
	if failed == nil || !strings.Contains(failed.Error(), "ref://shop/00 is larger than 10 MiB") {
		t.Errorf("error %v", failed)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
