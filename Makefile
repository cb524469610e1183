# Everything a contributor runs. `make help` lists the targets.

CARGO ?= cargo
ARGS ?=
TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
BINARY := $(TARGET_DIR)/release/ralphext

SHELL_SCRIPTS = scripts/*.sh .ci/run packaging/deb/p* $(wildcard examples/*/*.sh)

.DEFAULT_GOAL := build
.PHONY: setup build dist image deb release test test-all soak lint demo bench bench-quick fuzz generate clean help

setup: ## install what is missing on this machine: a C compiler, a Redis server and its client, Python
	@scripts/setup.sh

build: ## build the debug binary
	$(CARGO) build --locked

dist: ## build what is released into dist/: a tarball, a wheel for pip, their sums (ARGS=--out DIR)
	@scripts/dist.sh $(ARGS)

image: ## pack the container image into dist/ with buildah: no daemon, no registry
	@scripts/image.sh $(ARGS)

deb: ## build a Debian package into dist/ with cargo-deb
	@scripts/deb.sh $(ARGS)

release: ## build the release binary
	$(CARGO) build --release --locked

test: setup ## run the tests (against real Redis servers that they start themselves)
	$(CARGO) test --locked --doc
	@if $(CARGO) nextest --version >/dev/null 2>&1; then set -x; $(CARGO) nextest run --locked $(ARGS); \
	else set -x; $(CARGO) test --locked --lib --bins --tests $(ARGS); fi

test-all: test ## the same, what needs more servers and tools, and all of it once more on the newest Valkey
	@scripts/setup.sh --all
	@if $(CARGO) nextest --version >/dev/null 2>&1; then set -x; $(CARGO) nextest run --locked --run-ignored only -E 'test(/^more::/)' --no-tests pass; \
	else set -x; $(CARGO) test --locked --test it -- --ignored more::; fi
	@set -eu; valkey=$$(scripts/valkey.sh); set -x; RALPHEXT_TEST_SERVER=$$valkey $(MAKE) --no-print-directory test

soak: ## run the long forms of the fault tests, two hours of them, and print their figures (ARGS=faults::kills: some)
	@scripts/soak.sh $(ARGS)

lint: ## check formatting, clippy, shell scripts and licences; every warning is an error
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	@if command -v shellcheck >/dev/null; then set -x; shellcheck $(SHELL_SCRIPTS); \
	else echo 'lint: shellcheck is not installed, skipped'; fi
	@if $(CARGO) deny --version >/dev/null 2>&1; then set -x; $(CARGO) deny --offline check licenses bans sources; \
	else echo 'lint: cargo-deny is not installed, skipped'; fi

demo: ## host facts and an inventory, kept in a private Redis: see it work (ARGS=--keep leaves it running)
	@scripts/setup.sh --server
	$(CARGO) build --release --locked
	@$(BINARY) demo $(ARGS)

bench: ## compare whole processes (redis-cli --pipe, a Python writer, ralphext), then single steps (ARGS=--full: 1M objects too)
	@scripts/bench.sh $(ARGS)
	$(CARGO) bench --locked --quiet --bench hot

bench-quick: ## the same with fewer objects and rounds: does it work? no measurement
	@scripts/bench.sh --quick --transports unix --codecs orjson $(ARGS)
	$(CARGO) bench --locked --quiet --bench hot -- --max-time 0.3

FUZZ_SECONDS ?= 20
fuzz: ## feed the parsers with what nobody thought of, for FUZZ_SECONDS each (needs cargo-fuzz)
	@set -eu; for target in record head memory canonical pickle; do \
	  RUSTC_BOOTSTRAP=1 $(CARGO) fuzz run $$target -- -max_total_time=$(FUZZ_SECONDS) -max_len=4096; done

generate: ## write schemas/, docs/reference/, the chart's schema and the index of the examples from types and settings
	$(CARGO) run --quiet --locked --bin ralphext -- generate
	$(CARGO) run --quiet --locked --bin ralphext -- index --from examples > docs/extensions.md
	@scripts/chart.py

clean: ## remove what was built
	$(CARGO) clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
