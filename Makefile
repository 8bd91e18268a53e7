# Targets for people; `make help` lists them.
SHELL := /bin/bash
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
CLI     := github.com/gennaker/gennaker/agent/internal/cli
GOBUILD := CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X $(CLI).version=$(VERSION) -X main.version=$(VERSION)"
PLUGINS := $(notdir $(wildcard plugins/stage-*))
N       ?= 30
SECONDS  = 600

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

.PHONY: build
build: ## Build the agent and its plugins into bin/
	@mkdir -p bin
	$(GOBUILD) -o bin/gennaker ./agent/cmd/gennaker
	@for p in $(PLUGINS); do $(GOBUILD) -o bin/$$p ./plugins/$$p || exit 1; done

.PHONY: demo
demo: build ## Jenkins build to tested deployment, on a real API server (KEEP=1 KUBECONFIG= CHART= VALUES= REMOVED_APIS=convert)
	@KEEP=$(KEEP) DEMO_KUBECONFIG=$(KUBECONFIG) CHART=$(CHART) VALUES=$(VALUES) REMOVED_APIS=$(REMOVED_APIS) exec go run ./scripts/demo

.PHONY: test
test: ## Everything: lint, unit, integration and end-to-end tests
	@scripts/test

.PHONY: lint
lint: ## gofmt, go vet, staticcheck, import rules
	@scripts/lint

.PHONY: cluster
cluster: ## Build the test cluster (minutes the first time, then cached)
	@scripts/testcluster/build.sh

.PHONY: kill
kill: build ## Kill the agent and its plugins at random moments, N times (N=30), in deliveries and under load
	KILL_RUNS=$(N) AGENT_KILLS=$(N) go test ./agent/e2e/delivery ./agent/e2e/replicas -run '^(TestKill|TestKillOnSQLite)$$' -count=1 -v -timeout 120m

.PHONY: kill-replicas
kill-replicas: ## Kill either of two agents on one PostgreSQL at random moments, N times (N=30)
	REPLICA_KILLS=$(N) go test ./agent/e2e/replicas -run '^TestKillEither$$' -count=1 -v -timeout 120m

.PHONY: sim
sim: ## Simulate random pipelines, users and agents that die, for about SECONDS (600); SEED= plays one again
	go test ./agent/internal/engine ./agent/internal/runner -run '^(TestNaive|TestSimulation|TestWorlds)$$' -count=1 -v \
		-timeout $$(($(SECONDS) * 3 + 600))s -args -sim.time=$$(($(SECONDS) / 2))s -sim.seed=$(or $(SEED),0)

.PHONY: bench
bench: build ## Measure, as ratios where there is something to compare
	@scripts/bench

.PHONY: bench-intake
bench-intake: build ## Measure what comes in: many Jenkins masters, webhooks, registries (about twelve minutes)
	@scripts/bench masters webhooks feeds

.PHONY: bench-spel
bench-spel: ## Expressions beside a warm JVM (needs Java and GENNAKER_SPEL_ORACLE, else says so)
	@scripts/bench-spel/bench-spel.sh

.PHONY: generate
generate: ## Regenerate the plugin protocol (needs protoc, protoc-gen-go, protoc-gen-go-grpc)
	go generate ./plugins/proto/...

.PHONY: clean
clean: ## Remove what the build left
	rm -rf bin .gennaker
