# What one does with this repository. `make` alone lists it.
.DEFAULT_GOAL := help
.PHONY: help run test test-cluster fuzz postman bench dist check need

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

need:
	@command -v cargo >/dev/null || { echo "Rust is missing: install it from https://rustup.rs"; exit 1; }
	@command -v cc >/dev/null || { echo "a C compiler is missing (Debian: sudo apt-get install build-essential)"; exit 1; }
	@command -v c++ >/dev/null || { echo "a C++ compiler is missing (Debian: sudo apt-get install build-essential)"; exit 1; }

# The whole workspace's programs each time: one choice of features, so that run, test and bench share what is compiled.
run: need ## the whole system in one process: gateway :8000, admin :9901, monolith :8080, movies :8081, events :8082
	@echo "Building the release binary; the first time compiles everything, which takes some minutes."
	cargo build --release --workspace --bins
	ACCESS_LOG=$${ACCESS_LOG:-text} cargo run -q --release --bin cinemaabyss

test: need ## every test, on real PostgreSQL and Kafka; installs what is missing, leaves nothing running
	@tests/run

test-cluster: need ## images, manifests and chart on a real API server and a real node (Debian, root; no Docker)
	@tests/cluster/run

# `make fuzz SECONDS=600` for longer. What it finds is for people; `make test` replays what it has found before.
SECONDS ?= 60
fuzz: need ## every fuzz target for a minute, on a nightly compiler: answers, config, framing, matcher, paths (SECONDS=600 for longer)
	@tests/tools/fuzz.sh run $(SECONDS)

postman: ## the Postman collection against what `make run` started
	@tests/tools/newman.sh run tests/postman/cinemaabyss.json

dist: need ## the gateway as it is shipped, laid out by a profile of its own work: target/dist/gateway
	@tests/tools/dist.sh

# Half an hour: every scenario, then memory, then counts. `make bench SCENARIOS="get tls"` measures those alone.
bench: need ## the gateway as it is shipped beside nginx, HAProxy and Envoy: CPU a request, memory; instructions (SCENARIOS=get for one)
	@tests/tools/need.sh python3=python3
	@[ -n "$$GATEWAY" ] || tests/tools/dist.sh
	@tests/bench/run $(SCENARIOS)
	@[ -n "$(SCENARIOS)" ] || tests/bench/memory
	@[ -n "$(SCENARIOS)" ] || tests/bench/reload
	@[ -n "$(SCENARIOS)" ] || tests/bench/instructions

check: need ## formatting, clippy and rustdoc, warnings denied
	cargo fmt --all --check
	cargo clippy --release --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --release --workspace --no-deps
