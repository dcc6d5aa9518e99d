# What a developer types. `make` alone lists it.

GO       ?= go
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
FUZZTIME ?= 60s
SERVICES  = deploy/dev/services run --

# The load tool and what it is told, as in `make bench BENCHFLAGS=-help`; bench-sweep is told so too.
BENCH      ?= ./cmd/loadtest
BENCHFLAGS ?=

# What `make run` passes on, as in `make run RUNFLAGS='--traffic 20'`.
RUNFLAGS ?=

.DEFAULT_GOAL := help
# The seed and the length of `make chaos`, as in `make chaos CHAOS_SEED=7 CHAOS_FOR=20m`; without a seed it is the time.
CHAOS_SEED ?=
CHAOS_FOR  ?= 60s

.PHONY: help build run test lint fuzz bench bench-sweep bench-sweep-large chaos chaos-planted

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST)

build: ## bin/rekey, one static binary
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o bin/rekey ./cmd/rekey

run: ## the demo: a legacy store of 10,000 people, sample logins, nothing to install
	$(GO) run ./cmd/rekey demo $(RUNFLAGS)

# The packages that only compute run without the race detector, under which hashing takes ten times as long; what several
# goroutines share of them is one registry, and its test runs with it.
PURE     = legacy/hash
# What waits longest is begun first: it takes little of a processor.
SLOW     = cmd/rekey/e2e
GOTEST   = $(GO) run ./deploy/dev/gotest

# What was translated from C with its allocator, which has one lock, and what only computes, takes ten to thirty times as long under
# the race detector, and shares no memory but what it is handed. All else is watched: our code, the drivers, the servers.
UNWATCHED = modernc.org/sqlite/lib modernc.org/libc modernc.org/memory golang.org/x/crypto/... crypto/internal/fips140/...
RACE      = -race $(UNWATCHED:%=-gcflags=%=-race=false)

test: ## all tests, with the race detector, on real databases; a skipped test is a failure
	$(SERVICES) sh -ec '\
	  export GOGC=400; \
	  $(GOTEST) $(RACE) -count=1 -p=3 -timeout=30m ./$(SLOW) $$($(GO) list ./... | grep -v -e /$(PURE) -e /$(SLOW)$$); \
	  $(GOTEST) $(RACE) -count=1 -run TestSharedRegistry ./$(PURE); \
	  $(GOTEST) -count=1 -run TestResumeAfterKill ./legacy/filesource; \
	  $(GOTEST) -count=1 -timeout=30m ./$(PURE)/...'

lint: ## formatting, vet, golangci-lint, shell scripts, units, known vulnerabilities
	deploy/dev/lint

fuzz: ## each fuzz target for FUZZTIME (60s)
	deploy/dev/fuzz $(FUZZTIME)

bench: ## the load tool, on databases that keep fsync on
	REKEY_SERVICES_DURABLE=1 $(SERVICES) $(GO) run $(BENCH) $(BENCHFLAGS)

bench-sweep: ## what moving a million people costs, over COPY, pgloader, raw hashing and idle logins; 30 minutes, 6 with BENCHFLAGS=-quick
	REKEY_SERVICES_DURABLE=1 $(SERVICES) $(GO) run ./cmd/sweepbench bench $(BENCHFLAGS)

bench-sweep-large: ## ten million people made in SQLite, and moved for ten minutes: time, memory, and what all of it would take
	REKEY_SERVICES_DURABLE=1 $(SERVICES) $(GO) run ./cmd/sweepbench large -for 10m $(BENCHFLAGS)

chaos: ## three gateways under faults and people at random, judged, for CHAOS_FOR (60s) from CHAOS_SEED
	$(SERVICES) $(GO) run ./cmd/chaos $(if $(CHAOS_SEED),-seed $(CHAOS_SEED)) -for $(CHAOS_FOR)

chaos-planted: ## what make chaos is worth: each guard left out in turn, and how long until that is found
	$(SERVICES) $(GO) run ./cmd/chaos $(if $(CHAOS_SEED),-seed $(CHAOS_SEED)) -plant-all
