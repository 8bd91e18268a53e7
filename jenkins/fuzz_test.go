package jenkins

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"
)

// FuzzListing decodes job lists as ListJobs does.
func FuzzListing(f *testing.F) {
	f.Add([]byte(`{"jobs":[{"fullName":"a","nextBuildNumber":2,"lastBuild":{"number":1,"building":false,"result":"SUCCESS","timestamp":5},"lastCompletedBuild":null},{"fullName":"d","jobs":[{"fullName":"d/e"}]}]}`))
	f.Add([]byte(`{"jobs":[null,{}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var root wireItem
		if json.Unmarshal(data, &root) != nil || root.Jobs == nil {
			return
		}
		var listing Listing
		listing.add(*root.Jobs)
		for _, head := range listing.Jobs {
			if head.FullName == "" {
				t.Error("a job without a name")
			}
			if head.Last != nil {
				storable(t, head.Last)
			}
		}
	})
}

// FuzzBuild decodes builds as Build does.
func FuzzBuild(f *testing.F) {
	f.Add([]byte(`{"number":1,"result":null,"timestamp":9223372036854775807,"duration":9223372036854775807,"url":"http://x/job/A/1/","actions":[{},{"parameters":[{"name":"a","value":true}]},{"lastBuiltRevision":{"branch":[{"name":"o/x","SHA1":"1"}]},"remoteUrls":["https://u:p@h/x"]},{"build":{"revision":null}},{"totalCount":1}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var run wireRun
		if json.Unmarshal(data, &run) != nil {
			return
		}
		build := run.build(spelling("a", run.URL))
		storable(t, build)
		if build.Ended().Before(build.Timestamp) {
			t.Errorf("%s ended %s", build.Timestamp, build.Ended())
		}
	})
}

// storable is what every answer must be: pollers keep it as JSON.
func storable(t *testing.T, value any) {
	t.Helper()
	if _, err := json.Marshal(value); err != nil {
		t.Error(err)
	}
}

// FuzzHeaders reads what we take out of headers and pages.
func FuzzHeaders(f *testing.F) {
	f.Add("30", "http://h/queue/item/7/", "com.x.Item.Build", "<title>x</title>")
	f.Add("Mon, 23 Nov 2026 20:14:56 GMT", "/queue/item/x", "Build", "Logging ID=1-2")
	f.Fuzz(func(t *testing.T, after, location, right, page string) {
		header := http.Header{"Retry-After": {after}, "Location": {location}}
		if wait := retryAfter(header, time.Unix(0, 0)); wait < time.Second || wait > maxRetryAfter {
			t.Errorf("wait %s", wait)
		}
		queueIDOf(&http.Response{Header: header})
		permission(right)
		quotedTitle(page)
	})
}
