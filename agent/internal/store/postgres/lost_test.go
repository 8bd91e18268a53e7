package postgres_test

import (
	"errors"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/agent/internal/store/postgres"
	"github.com/gennaker/gennaker/agent/internal/store/postgres/postgrestest"
)

// delivery is when a proxy that cuts a connection hands on what came last.
type delivery int

const (
	atOnce delivery = iota
	never
	late
)

// proxy is between a store and the server. Armed, it cuts the connection on which the store sends something next before an
// answer comes.
type proxy struct {
	folder   string
	server   string
	armed    atomic.Bool
	delivery delivery
	// release has what is to be delivered late delivered; done is closed when the server has dealt with it.
	release, done chan struct{}
	group         sync.WaitGroup
}

// newProxy makes a proxy for a database, and returns the URL that leads through it.
func newProxy(t *testing.T, database string, how delivery) (*proxy, string) {
	t.Helper()
	address, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	const socket = ".s.PGSQL.5432"
	p := &proxy{folder: postgrestest.Folder(t), delivery: how, release: make(chan struct{}), done: make(chan struct{}),
		server: filepath.Join(address.Query().Get("host"), socket)}
	listener, err := net.Listen("unix", filepath.Join(p.folder, socket))
	if err != nil {
		t.Fatal(err)
	}
	p.group.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			p.group.Go(func() { p.serve(client) })
		}
	})
	t.Cleanup(func() {
		if err := listener.Close(); err != nil {
			t.Error(err)
		}
		p.group.Wait()
	})
	address.RawQuery = url.Values{"host": {p.folder}}.Encode()
	return p, address.String()
}

// serve carries bytes until one side ends or the connection is cut.
func (p *proxy) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("unix", p.server)
	if err != nil {
		return
	}
	defer server.Close()
	var cut atomic.Bool
	answered := make(chan struct{})
	var once sync.Once
	var answers sync.WaitGroup
	answers.Go(func() {
		defer client.Close()
		buffer := make([]byte, 64<<10)
		for {
			n, err := server.Read(buffer)
			if cut.Load() {
				once.Do(func() { close(answered) }) // not told to the client
			} else if n > 0 {
				if _, err := client.Write(buffer[:n]); err != nil {
					return
				}
			}
			if err != nil {
				return
			}
		}
	})
	defer answers.Wait()
	defer server.Close()
	buffer := make([]byte, 64<<10)
	for {
		n, err := client.Read(buffer)
		if err != nil {
			return
		}
		if p.armed.CompareAndSwap(true, false) {
			if p.delivery == never {
				return
			}
			defer close(p.done)
			cut.Store(true)
			if p.delivery == late {
				client.Close()
				<-p.release
			}
			if _, err := server.Write(buffer[:n]); err == nil {
				<-answered
			}
			return
		}
		if _, err := server.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// An update whose connection is lost while it commits is kept once, whether the commit had reached the server or not.
func TestConnectionLostDuringACommit(t *testing.T) {
	for name, c := range map[string]struct {
		delivery delivery
		runs     int
	}{
		"the commit arrived and its answer did not": {atOnce, 1},
		"the commit did not arrive":                 {never, 2},
		"the commit arrived too late":               {late, 2},
	} {
		t.Run(name, func(t *testing.T) {
			p, through := newProxy(t, cluster.Database(t), c.delivery)
			s := openAt(t, postgres.Options{URL: through, Connections: connections})
			warm(t, s)
			runs := 0
			update(t, s, func(tx store.Tx) error {
				runs++
				if err := tx.AddAudit(store.AuditRow{Action: "once"}); err != nil {
					return err
				}
				rows, err := tx.Audit(0) // has what is queued sent
				if err != nil || len(rows) != 1 {
					t.Errorf("inside: %d rows, %v", len(rows), err)
				}
				if runs == 1 {
					p.armed.Store(true)
				}
				return nil
			})
			if c.delivery == late {
				close(p.release)
				<-p.done
			}
			if runs != c.runs {
				t.Errorf("the function ran %d times, expected %d", runs, c.runs)
			}
			view(t, s, func(r store.Reader) error {
				rows, err := r.Audit(0)
				if len(rows) != 1 {
					t.Errorf("found %d rows, expected 1", len(rows))
				}
				return err
			})
		})
	}
}

// warm has every connection of a store know its statements, so that a commit is one message.
func warm(t *testing.T, s store.Store) {
	t.Helper()
	var inside sync.WaitGroup
	inside.Add(connections)
	errs := together([]store.Store{s}, connections, func(s store.Store, _ int) error {
		first := true
		return s.Update(t.Context(), func(tx store.Tx) error {
			if _, err := tx.Audit(0); err != nil {
				return err
			}
			if first {
				first = false
				inside.Done()
				inside.Wait()
			}
			return nil
		})
	})
	count(t, errs, nil)
}

// A server that breaks off is waited for a little; then updates are refused, and the store is not ready. Once the server is
// back, everything goes on by itself.
func TestServerIsGoneForAWhile(t *testing.T) {
	own := &postgrestest.Cluster{}
	t.Cleanup(func() {
		if err := own.Stop(); err != nil {
			t.Error(err)
		}
	})
	own.Start(t)
	own.Command(t, "postgres", "CREATE DATABASE lost")
	s := openAt(t, postgres.Options{URL: own.URL("lost"), Connections: connections})
	await(t, s, "that it listens")
	update(t, s, func(tx store.Tx) error { return tx.AddAudit(store.AuditRow{Action: "before"}) })

	// Once in the middle of an update, which is then run again.
	runs := 0
	update(t, s, func(tx store.Tx) error {
		if runs++; runs == 1 {
			if err := own.Crash(); err != nil {
				t.Error(err)
			}
			if err := own.Resume(); err != nil {
				t.Error(err)
			}
		}
		return tx.AddAudit(store.AuditRow{Action: "during"})
	})
	if runs < 2 {
		t.Errorf("the update ran %d times, expected it to be run again", runs)
	}
	await(t, s, "that it listens again")

	if err := own.Crash(); err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"update": s.Update(t.Context(), func(tx store.Tx) error { return tx.AddAudit(store.AuditRow{Action: "lost"}) }),
		"view":   s.View(t.Context(), func(r store.Reader) error { _, err := r.Audit(0); return err }),
		"ping":   s.Ping(t.Context()),
	} {
		if err == nil || !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "the database") ||
			!strings.Contains(err.Error(), "/lost") {
			t.Errorf("%s: found error %v, expected a store.ErrUnavailable that names the database", what, err)
		}
	}
	if err := own.Resume(); err != nil {
		t.Fatal(err)
	}
	await(t, s, "that it listens again")
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("when the server is back: %v", err)
	}
	var found []string
	view(t, s, func(r store.Reader) error {
		rows, err := r.Audit(0)
		for _, row := range rows {
			found = append(found, row.Action)
		}
		return err
	})
	if got := strings.Join(found, " "); got != "during before" {
		t.Errorf("found %q, expected what was acknowledged: during before", got)
	}
}

// What an agent can do nothing with is refused at once, with what to do.
func TestOpenIsRefused(t *testing.T) {
	existing := cluster.Database(t)
	cluster.Command(t, "postgres", "DROP ROLE IF EXISTS guarded", "CREATE ROLE guarded LOGIN PASSWORD 'opensesame'")
	newer := cluster.Database(t)
	openAt(t, postgres.Options{URL: newer})
	address, err := url.Parse(newer)
	if err != nil {
		t.Fatal(err)
	}
	cluster.Command(t, strings.Trim(address.Path, "/"), "INSERT INTO schema_migration (version, name) VALUES (999, 'later')")
	guarded := strings.Replace(existing, "gennaker@", "guarded@", 1)
	cases := []struct{ name, url, password, want string }{
		{"no URL", "postgres://%zz", "", "the database's URL: "},
		{"no such database", cluster.URL("nowhere"), "", "there is no such database, create it"},
		{"no server", "postgres://gennaker@/x?host=/nowhere", "", "the database cannot be reached"},
		{"a wrong password", guarded, "hunter2", "the database refused the login, check store.postgres.url and store.postgres.password"},
		{"no right to make tables", guarded, "opensesame", "the database's user may not do that, make it the owner"},
		{"a newer agent's database", newer, "", "the database was written by a newer agent (schema 999, this one knows up to "},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s, err := postgres.Open(t.Context(), postgres.Options{URL: c.url, Password: c.password})
			if err == nil {
				s.Close()
				t.Fatal("it was opened")
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("found error %q, expected %q", err, c.want)
			}
			if c.password != "" && strings.Contains(err.Error(), c.password) {
				t.Errorf("the error shows the password: %v", err)
			}
		})
	}
}

// Agents that start at the same time on an empty database make its schema once.
func TestAgentsStartTogether(t *testing.T) {
	database := cluster.Database(t)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			s, err := postgres.Open(t.Context(), postgres.Options{URL: database, Connections: connections})
			if err != nil {
				t.Error(err)
				return
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}

// A session in whose transaction nothing happens, as that of an agent that hangs, is ended by the server: what it holds is
// free for others, and what it did is not kept.
func TestAnAgentThatHangsHoldsNothingForLong(t *testing.T) {
	stores := replicas(t, 2)
	update(t, stores[0], func(tx store.Tx) error { return tx.SaveExecution(execution("ex")) })
	runs := 0
	update(t, stores[0], func(tx store.Tx) error {
		if runs++; runs > 1 {
			return nil
		}
		if err := tx.AddAudit(store.AuditRow{Action: "of one that hangs"}); err != nil {
			return err
		}
		if _, err := tx.Execution("ex"); err != nil {
			return err
		}
		// The other one gets the execution while this function still has its transaction.
		return stores[1].Update(t.Context(), func(other store.Tx) error {
			_, err := other.Execution("ex")
			return err
		})
	})
	if runs != 2 {
		t.Errorf("the update of the one that hung ran %d times, expected it to be run again", runs)
	}
	view(t, stores[0], func(r store.Reader) error {
		rows, err := r.Audit(0)
		if len(rows) != 0 {
			t.Errorf("what the one that hung did was kept: %v", rows)
		}
		return err
	})
}
