# Every target works from a clean checkout; what a machine lacks is installed (Debian, as root) or named.
SHELL := /bin/bash
.DEFAULT_GOAL := help
MODULES := schema pkg centralserver securityserver deploy/local
PACKAGES := $(addprefix ./,$(addsuffix /...,$(MODULES)))
BIN := $(CURDIR)/.bin
export RISTMIK_SHARED ?= $(abspath $(CURDIR)/../shared)
export CGO_ENABLED ?= 0
VERSION := $(shell git describe --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION)
# Stale: not built, or a source, the lockfile or an OpenAPI file is newer than what was built.
UI_STALE := { [ ! -f pkg/adminui/dist/central/index.html ] || [ -n "$$(find pkg/adminui/src pkg/adminui/package-lock.json pkg/adminui/vite.config.ts schema/openapi -newer pkg/adminui/dist/central/index.html ! -name schema.gen.ts -type f -print -quit)" ]; }
WITH_POSTGRES := go run ./pkg/testkit/cmd/postgres --

.PHONY: help
help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: build ## a whole X-Road instance on this machine (ARGS=--once: run the story and stop; ARGS=--remove: delete its state)
	$(BIN)/local $(ARGS)

# Not npm ci: it refuses a lock file that names the packages of some platforms only, which is all that a mirror may have. The versions are the lock file's.
NPM_INSTALL := npm install --no-save --ignore-scripts --no-audit --no-fund

.PHONY: ui
ui: ## the administrators' interfaces, built for embedding (needs Node.js 20 or later; without it the servers say that it was not built)
	@if ! command -v npm >/dev/null; then echo "ui: no Node.js on this machine, skipped: the servers will answer with the REST API only"; exit 0; fi; \
	  $(UI_STALE) || exit 0; \
	  cd pkg/adminui && { [ node_modules/.package-lock.json -nt package-lock.json ] || $(NPM_INSTALL); } && npm run --silent build

.PHONY: ui-check
ui-check: ## types, style and tests of the interfaces
	cd pkg/adminui && { [ node_modules/.package-lock.json -nt package-lock.json ] || $(NPM_INSTALL); } && npm run --silent generate && npm run --silent types && npm run --silent lint && npm run --silent test

.PHONY: test-ui
test-ui: ui ## the interfaces in a real browser (Chromium; installed on Debian as root)
	@WITH_BROWSER=1 .ci/deps
	go test -tags browser -run Browser -timeout 10m ./deploy/local/...

.PHONY: build
build: ## both servers and the one-machine instance, in .bin
	@mkdir -p $(BIN)
	@$(MAKE) --no-print-directory ui || echo "ui: not built, see above: the servers will answer with the REST API only"
	go build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/centralserver ./centralserver/cmd/centralserver
	go build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/securityserver ./securityserver/cmd/securityserver
	go build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/local ./deploy/local/cmd/local

.PHONY: deps
deps: ## the programs that tests use as judges and as database
	@.ci/deps

.PHONY: test
test: deps ## all tests; needs nothing outside the repository
	$(WITH_POSTGRES) go test -timeout 14m $(PACKAGES)

.PHONY: conformance
conformance: deps ## X-Road's own vectors and schemas, read from ../shared
	@test -d "$(RISTMIK_SHARED)/vectors" || { echo "conformance: no vectors in $(RISTMIK_SHARED); set RISTMIK_SHARED to the folder with X-Road's vectors and schemas"; exit 1; }
	$(WITH_POSTGRES) go test -tags conformance -run 'Conformance' -timeout 14m $(PACKAGES)

.PHONY: race
race: deps ## the packages with concurrency, under the race detector
	CGO_ENABLED=1 $(WITH_POSTGRES) go test -race -short -timeout 20m ./pkg/... ./centralserver/... ./securityserver/...

.PHONY: chaos
chaos: build deps ## kill each server at every step of a registration
	$(WITH_POSTGRES) go test -tags chaos -run Chaos -timeout 30m ./deploy/local/...

FUZZTIME ?= 60s
.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME
	@for p in $$(grep -rlE '^func Fuzz' --include='*_test.go' $(MODULES) | xargs -n1 dirname | sort -u); do \
	  for f in $$(grep -hoE '^func Fuzz[A-Za-z0-9_]+' $$p/*_test.go | sed 's/func //'); do \
	    echo "$$p $$f"; go test ./$$p -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) || exit 1; done; done

.PHONY: bench
bench: ## benchmarks
	go test -run '^$$' -bench . -benchmem $(PACKAGES)

.PHONY: bench-central
bench-central: deps ## every list of the central server in a registry ten times the largest known, on both databases (minutes)
	$(WITH_POSTGRES) go test -v -tags scale -run Scale -timeout 30m ./centralserver/internal/store ./centralserver/internal/confgen

.PHONY: bench-security
bench-security: deps ## 5 000 clients and configurations with 100 000 subsystems at the security server, with figures (a minute)
	$(WITH_POSTGRES) go test -v -tags scale -run 'TestScale$$' -p 1 -timeout 30m ./securityserver/internal/api ./securityserver/internal/proxy

.PHONY: tools
tools: $(BIN)/golangci-lint $(BIN)/oapi-codegen
$(BIN)/oapi-codegen: .tools/go.mod
	GOWORK=off GOBIN=$(BIN) go -C .tools install github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen
	@touch $@
$(BIN)/golangci-lint: .tools/go.mod
	GOWORK=off GOBIN=$(BIN) go -C .tools install github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	@touch $@

.PHONY: lint
lint: $(BIN)/golangci-lint ## gofmt, vet and golangci-lint
	@out=$$(gofmt -l $(MODULES)); test -z "$$out" || { echo "gofmt: $$out"; exit 1; }
	$(BIN)/golangci-lint run --timeout 20m $(PACKAGES)

.PHONY: generate
generate: $(BIN)/oapi-codegen ## code from the OpenAPI files
	go generate $(PACKAGES)

.PHONY: generate-check
generate-check: generate ## generated code is fresh
	git diff --exit-code -- '*.gen.go'

.PHONY: standalone
standalone: ## every module builds without the workspace
	@for m in $(MODULES); do echo "GOWORK=off $$m"; GOWORK=off go -C $$m build ./... || exit 1; GOWORK=off go -C $$m mod tidy -diff || exit 1; done

.PHONY: clean
clean: ## binaries; the demo's state goes with `make demo ARGS=--remove`
	rm -rf $(BIN)
