package replicas

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// shortLease is the lease where tests wait for it to end.
const shortLease = time.Second

// One of two agents on a PostgreSQL is killed at a random moment, over and over. REPLICA_KILLS says how often (20), KILL_SEED
// repeats a run.
func TestKillEither(t *testing.T) {
	database := postgres(cluster.Database(t))
	killUnderLoad(t, number(t, "REPLICA_KILLS", 20),
		newAgent(t, "a", database, shortLease).start(), newAgent(t, "b", database, shortLease).start())
}

// The only agent, on SQLite, is killed at a random moment, over and over. AGENT_KILLS says how often (20), KILL_SEED repeats
// a run.
func TestKillOnSQLite(t *testing.T) {
	store := map[string]any{"path": filepath.Join(t.TempDir(), "gennaker.db")}
	killUnderLoad(t, number(t, "AGENT_KILLS", 20), newAgent(t, "a", store, shortLease).start())
}

// killUnderLoad kills one of the agents so many times while pipelines are started: none is lost, doubled or stuck, and what a
// stage does outside is done at least once, with the same key when it is repeated.
func killUnderLoad(t *testing.T, kills int, agents ...*agent) {
	seed := uint64(number(t, "KILL_SEED", int(time.Now().UnixNano()%1_000_000)))
	random := rand.New(rand.NewPCG(seed, 0))
	t.Logf("KILL_SEED=%d", seed)
	recorder := newRecorder(t)
	effect := map[string]any{"recorder": recorder.url}
	agents[0].save("load", stageOf("1", "wait", map[string]any{"waitTime": 0}), stageOf("2", "effect", effect, "1"),
		stageOf("3", "effect", effect, "1"), stageOf("4", "wait", map[string]any{"waitTime": 1}, "2", "3"),
		stageOf("5", "effect", effect, "4"))

	load := startLoad(t, agents)
	for kill := range kills {
		<-time.After(time.Duration(200+random.IntN(1000)) * time.Millisecond)
		victim := agents[random.IntN(len(agents))]
		victim.kill()
		t.Logf("kill %d: agent %s, after %d starts", kill, victim.name, load.count())
		victim.start()
	}
	ids := load.stop()
	if len(ids) < kills {
		t.Errorf("only %d executions were started", len(ids))
	}
	for n, id := range ids {
		execution := succeeded(t, agents[n%len(agents)], id)
		checkEffects(t, recorder, execution, "2", "3", "5")
	}
	var all []spinnaker.Execution
	if err := agents[0].client.Get(t.Context(), fmt.Sprint("/applications/shop/pipelines?limit=", 10*len(ids)+100), &all); err != nil {
		t.Fatal(err)
	}
	if len(all) != len(ids) {
		t.Errorf("there are %d executions, expected the %d that were started", len(all), len(ids))
	}
}

// number reads a number from the environment.
func number(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// succeeded waits for an execution to succeed, with all its stages.
func succeeded(t *testing.T, a *agent, id string) *spinnaker.Execution {
	t.Helper()
	var execution *spinnaker.Execution
	await(t, fmt.Sprintf("execution %s has ended", id), func(ctx context.Context) bool {
		found, err := a.client.Execution(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		execution = found
		return found.Status.Complete()
	})
	for _, stage := range execution.Stages {
		if stage.Status != spinnaker.Succeeded {
			t.Errorf("execution %s: stage %s is %s", id, stage.RefID, stage.Status)
		}
	}
	if execution.Status != spinnaker.Succeeded {
		t.Errorf("execution %s is %s", id, execution.Status)
	}
	return execution
}

// checkEffects checks that each of the stages acted outside, and always with the same key.
func checkEffects(t *testing.T, r *recorder, execution *spinnaker.Execution, stages ...string) {
	t.Helper()
	keys := map[string]map[string]bool{}
	for _, one := range r.of(execution.ID) {
		if keys[one.Stage] == nil {
			keys[one.Stage] = map[string]bool{}
		}
		keys[one.Stage][one.Key] = true
	}
	for _, stage := range stages {
		if len(keys[stage]) != 1 {
			t.Errorf("execution %s: stage %s acted with the keys %v, expected one", execution.ID, stage, keys[stage])
		}
	}
}

// load starts executions one after the other, on any agent that takes them, until it is stopped.
type load struct {
	t      *testing.T
	agents []*agent
	cancel context.CancelFunc
	done   sync.WaitGroup

	mu  sync.Mutex
	ids []string
}

func startLoad(t *testing.T, agents []*agent) *load {
	ctx, cancel := context.WithCancel(t.Context())
	l := &load{t: t, agents: agents, cancel: cancel}
	l.done.Go(func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			id := l.start(n)
			l.mu.Lock()
			l.ids = append(l.ids, id)
			l.mu.Unlock()
		}
	})
	t.Cleanup(func() {
		cancel()
		l.done.Wait()
	})
	return l
}

// start starts an execution, however many tries it takes: its correlationId keeps it one.
func (l *load) start(n int) (id string) {
	for try := n; ; try++ {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(l.t.Context()), 2*time.Second)
		id, err := l.agents[try%len(l.agents)].client.Start(ctx, "shop", "load", spinnaker.Trigger{"correlationId": fmt.Sprint("load-", n)})
		cancel()
		if err == nil {
			return id
		}
		if try-n > 200 {
			l.t.Errorf("start %d: %v", n, err)
			return ""
		}
	}
}

func (l *load) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.ids)
}

// stop ends the load and returns the executions.
func (l *load) stop() []string {
	l.cancel()
	l.done.Wait()
	return l.ids
}
