package config

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "rewrite the expected errors in testdata/bad")

// Each file of testdata/bad is a configuration and the exact error it must produce.
func TestBad(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			_, err = Parse(archive.Files[0].Data)
			if err == nil {
				t.Fatal("the configuration was accepted")
			}
			if *update {
				archive.Files[1].Data = []byte(err.Error() + "\n")
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(strings.TrimSpace(string(archive.Files[1].Data)), err.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestGood(t *testing.T) {
	t.Setenv("CI_TOKEN", "11aabbccddeeff00")
	c, err := Load("testdata/good.yaml")
	if err != nil {
		t.Fatal(err)
	}
	master := c.Jenkins.Masters[0]
	if got := master.PollInterval.Or(DefaultPollInterval); got != 5*time.Second {
		t.Errorf("pollInterval is %v, want 5s", got)
	}
	if got := master.Timeout.Or(DefaultTimeout); got != DefaultTimeout {
		t.Errorf("timeout is %v, want the default", got)
	}
	if got := master.Password.Reveal(); got != "11aabbccddeeff00" {
		t.Errorf("password is %q, want the environment variable's value", got)
	}
	hub, aws := c.DockerRegistry.Accounts[0].Watched, c.ECR.Accounts[0].Watched
	if !hub.TrackDigests || hub.Interval() != time.Minute || hub.Timeout() != 15*time.Second || aws.Interval() != 30*time.Second || aws.Timeout() != 20*time.Second {
		t.Errorf("registries are looked at as %+v and %+v", hub, aws)
	}
	if master.Backfill != "all" {
		t.Errorf("backfill is %q, want all", master.Backfill)
	}
	if got := c.Server.Tokens[0].Secret.Reveal(); got != "secret-from-a-file" {
		t.Errorf("token is %q, want the file's content without its line break", got)
	}
	if got := c.Webhooks.Sources[0].Secret.Reveal(); got != "secret-from-a-file" {
		t.Errorf("the secret of a source is %q", got)
	}
	if got := c.Scheduler; got.Cron.Timezone != "Europe/Berlin" || !got.CompensationJob.Enabled || got.CompensationJob.Window.Or(0) != 10*time.Minute {
		t.Errorf("scheduler: %+v", got)
	}
	if got := c.QuietPeriod; !got.Enabled || got.Start.UTC().Hour() != 17 || got.End.Year() != 2027 || len(got.Types) != 2 {
		t.Errorf("quiet period: %+v", got)
	}
	if !c.Server.TLS.Proxy {
		t.Error("tls: proxy was not understood")
	}
	const day = Duration(24 * time.Hour)
	retention := Retention{Executions: 90 * day, MaxPerPipeline: 1000, MinPerPipeline: 5, StageLogs: 30 * day, Events: 90 * day, Audit: 365 * day}
	if c.Store.Retention != retention {
		t.Errorf("retention is %+v, want %+v", c.Store.Retention, retention)
	}
	if c.Runner != Default().Runner || c.Store.Path != Default().Store.Path {
		t.Errorf("what the file does not say is not the default: %+v", c)
	}
}

func TestPostgres(t *testing.T) {
	c, err := Parse([]byte(`{store: {postgres: {url: "postgres://gennaker@db/gennaker?sslmode=verify-full", password: {file: testdata/token}}},
		runner: {lease: 1s}}`))
	if err != nil {
		t.Fatal(err)
	}
	want := Postgres{URL: "postgres://gennaker@db/gennaker?sslmode=verify-full", Password: NewSecret("secret-from-a-file"), Connections: 20}
	if c.Store.Postgres != want {
		t.Errorf("found %+v, expected %+v", c.Store.Postgres, want)
	}
	if got := time.Duration(c.Runner.Lease); got != time.Second {
		t.Errorf("found a lease of %v, expected 1s", got)
	}
	if Default().Store.Postgres.Enabled() {
		t.Error("there is a database by default")
	}
}

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{"1h30m": 90 * time.Minute, "90d": 90 * 24 * time.Hour, "0d": 0,
		"d": 0, "1.5d": 0, "1d12h": 0, "99999999999d": 0, "1": 0, "": 0} {
		if got, err := parseDuration(text); got != want || (err == nil) != (want != 0 || text == "0d") {
			t.Errorf("parseDuration(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
}

func TestEmptyFileIsTheDefault(t *testing.T) {
	for _, text := range []string{"", "# nothing\n", "{}\n"} {
		c, err := Parse([]byte(text))
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if diff := cmp.Diff(Default(), c, cmp.AllowUnexported(Secret{})); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}

func TestSecretsAreNeverShown(t *testing.T) {
	c, err := Parse([]byte("jenkins: {masters: [{name: ci, address: http://ci, password: hunter2}]}"))
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if shown := fmt.Sprintf(format, c); strings.Contains(shown, "hunter2") {
			t.Errorf("%s shows the secret: %s", format, shown)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, file := range []string{"testdata/good.yaml"} {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	bad, err := filepath.Glob("testdata/bad/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range bad {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(archive.Files[0].Data)
	}
	f.Add([]byte("server: [1, 2]"))
	f.Add([]byte("a: &a [*a]"))
	f.Add([]byte("---\n---\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if c, err := Parse(data); err == nil && c.Server.MaxBody < 1 {
			t.Errorf("an unusable configuration was accepted: %+v", c)
		}
	})
}
