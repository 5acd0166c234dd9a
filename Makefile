# `make` lists what can be made. Every target that needs tools installs them first (.ci/need).
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

# A Go that .ci/need had to download comes first; a system's own fetches the version that go.mod names.
export PATH := $(CURDIR)/build/_go/bin:$(PATH)
export GOTOOLCHAIN ?= auto
export GOFLAGS ?= -buildvcs=false

# nogui: no desktop libraries are needed to build.
TAGS ?= nogui
# go writes the version that git knows into the program, and fails where git refuses to look.
BUILDVCS ?= $(shell git status >/dev/null 2>&1 && echo true || echo false)
FUZZTIME ?= 30s
ARGS ?=

GOLANGCI := go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
GOVULNCHECK := go run golang.org/x/vuln/cmd/govulncheck@v1.9.0
GOTESTSUM := go run gotest.tools/gotestsum@v1.13.0

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: build ## build and start the demonstration (ARGS="--listen 127.0.0.1:9090" and the like)
	@exec bin/foyer demo $(ARGS)

.PHONY: build
build: need ## build bin/foyer
	@go build -buildvcs=$(BUILDVCS) -tags '$(TAGS)' -o bin/foyer ./cmd/foyer

.PHONY: test
test: ## all tests with the race detector, the one in a browser included
	@.ci/need test
	@GOTESTSUM='$(GOTESTSUM)' .ci/test -race -shuffle=on -tags '$(TAGS)' -timeout 15m ./...

.PHONY: bench
bench: need ## measure, each figure beside its limit
	@go test -count=1 -run '^TestBench' -tags '$(TAGS),bench' -timeout 30m -v ./cmd/foyer/

.PHONY: fuzz
fuzz: need ## run each fuzz target for FUZZTIME (30s)
	@TAGS='$(TAGS)' .ci/fuzz $(FUZZTIME)

.PHONY: screenshots
screenshots: ## picture every page in a browser, into build/screenshots
	@.ci/need test
	@go test -count=1 -tags '$(TAGS)' -run "^(TestMainJob|TestSignInWithProvider)" -v ./cmd/foyer/

.PHONY: check
check: format tidy lint vuln ## everything CI checks but the tests

.PHONY: lint
lint: need ## golangci-lint
	@$(GOLANGCI) run --build-tags '$(TAGS),bench'

.PHONY: fmt
fmt: need ## format the sources (gofumpt, gci)
	@$(GOLANGCI) fmt

.PHONY: format
format: need ## fail when a source is not formatted
	@$(GOLANGCI) fmt --diff

.PHONY: tidy
tidy: need ## fail when go.mod or go.sum is not tidy
	@go mod tidy -diff

.PHONY: vuln
vuln: need ## look for known vulnerabilities in what is used
	@GOVULNCHECK='$(GOVULNCHECK)' .ci/vuln -tags '$(TAGS)' ./...

.PHONY: clean
clean: ## remove what was built
	@rm -rf bin build dist

.PHONY: need
need:
	@.ci/need build
