# `make` lists what can be made. Every target that needs tools installs them first (.ci/need).
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

# A Go that .ci/need had to download comes first; a system's own fetches the version that go.mod names.
export PATH := $(CURDIR)/build/_go/bin:$(PATH)
export GOTOOLCHAIN ?= auto
# The same flags everywhere: what one target has compiled, none compiles again.
export GOFLAGS ?= -buildvcs=false -trimpath
export CGO_CFLAGS ?= -O2 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong
LDFLAGS ?= -s -w
ifeq ($(shell uname),Linux)
LDFLAGS += -extldflags '-Wl,-z,relro,-z,now'
endif

# x11: Wayland's desktops have X11 too. migrated_fynedo: without the checks for programs of before Fyne 2.6. no_emoji: 4 MB.
# TAGS=nogui leaves the desktop program out: no headers are needed to build, and it takes less time.
TAGS ?= x11,migrated_fynedo,no_emoji
# go writes the version that git knows into the program, and fails where git refuses to look.
BUILDVCS ?= $(shell git status >/dev/null 2>&1 && echo true || echo false)
FUZZTIME ?= 30s
ARGS ?=

GOLANGCI := go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
# With -trimpath the build cache may name the C sources of a checkout that is gone, which the linter wants to read.
LINTED := GOFLAGS=-buildvcs=false CGO_CFLAGS=
GOVULNCHECK := go run golang.org/x/vuln/cmd/govulncheck@v1.9.0
GOTESTSUM := go run gotest.tools/gotestsum@v1.13.0
NFPM := go run github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.43.4
CYCLONEDX := go run github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.9.0
GOVERSIONINFO := go run github.com/josephspurrier/goversioninfo/cmd/goversioninfo@v1.5.0

# Of what make package makes; PACKAGES are gui, nogui and windows.
VERSION ?= $(shell .ci/version)
PACKAGES ?= gui nogui windows
DIST ?= dist
PACKAGED = VERSION='$(VERSION)' TAGS='$(TAGS)' LDFLAGS="$(LDFLAGS)" NFPM='$(NFPM)' CYCLONEDX='$(CYCLONEDX)' GOVERSIONINFO='$(GOVERSIONINFO)' .ci/package

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: ## build and start the demonstration, on a desktop with the desktop program (ARGS="--listen 127.0.0.1:9090" and the like)
	@.ci/need build; tags='$(TAGS)'; \
	[ -n "$${DISPLAY:-}" ] && .ci/need headers "$$tags" || tags=nogui; \
	$(MAKE) --no-print-directory build TAGS="$$tags"; \
	case $$tags in *nogui*) exec bin/foyer demo $(ARGS) ;; *) exec .ci/demo bin/foyer $(ARGS) ;; esac

.PHONY: build
build: ## build bin/foyer, without the desktop program where its libraries' headers cannot be had
	@.ci/need build; tags='$(TAGS)'; \
	.ci/need headers "$$tags" || { tags=nogui; echo 'building without the desktop program' >&2; }; \
	go build -buildvcs=$(BUILDVCS) -tags "$$tags" -ldflags "$(LDFLAGS)" -o bin/foyer ./cmd/foyer

.PHONY: package
package: ## dist/: .deb, .rpm and .tar.gz, with and without the desktop program, a Windows .zip, checksums, bills of materials
	@.ci/need package '$(PACKAGES)'
	@case ' $(PACKAGES) ' in *' gui '*) .ci/need headers '$(TAGS)' ;; esac
	@rm -f '$(DIST)'/foyer*
	@DIST='$(DIST)' $(PACKAGED) $(PACKAGES)
	@cd '$(DIST)' && ls -l foyer* | awk '{printf "%10d  %s\n", $$5, $$9}'

.PHONY: reproducible
reproducible: ## make packages twice, in other directories and once with an empty cache, and compare them byte by byte (PACKAGES=nogui)
	@.ci/need package '$(PACKAGES)'
	@case ' $(PACKAGES) ' in *' gui '*) .ci/need headers '$(TAGS)' ;; esac
	@$(PACKAGED:%.ci/package=%.ci/reproducible) $(PACKAGES)

.PHONY: test
test: ## all tests with the race detector, the one in a browser included
	@.ci/need test
	@.ci/need headers '$(TAGS)'
	@GOTESTSUM='$(GOTESTSUM)' .ci/test -race -shuffle=on -tags '$(TAGS)' -timeout 28m ./...

.PHONY: bench
bench: need ## measure, each figure beside its limit
	@go test -count=1 -run '^TestBench' -tags '$(TAGS),bench' -timeout 30m -v ./cmd/foyer/

.PHONY: soak
soak: need ## ten minutes of mixed load, in which memory, descriptors and files must stay flat (FOYER_SOAK=1h)
	@go test -count=1 -run '^TestSoak$$' -tags '$(TAGS),soak' -timeout 0 -v ./cmd/foyer/

.PHONY: fuzz
fuzz: need ## run each fuzz target for FUZZTIME (30s)
	@TAGS='$(TAGS)' .ci/fuzz $(FUZZTIME)

.PHONY: screenshots
screenshots: ## picture every page of the browser and of the desktop program, into build/screenshots
	@.ci/need test
	@.ci/need headers '$(TAGS)'
	@go test -count=1 -tags '$(TAGS)' -run "^(TestMainJob|TestSignInWithProvider|TestDesktop$$)" -v ./cmd/foyer/
	@FOYER_PICTURES=1 go test -count=1 -tags '$(TAGS)' ./gui/

.PHONY: check
check: format tidy lint vuln ## everything CI checks but the tests

.PHONY: lint
lint: need ## golangci-lint, with and without the desktop program
	@$(LINTED) $(GOLANGCI) run --build-tags '$(TAGS),bench,soak'
	@$(LINTED) $(GOLANGCI) run --build-tags nogui,bench,soak

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
	@.ci/need headers '$(TAGS)'
