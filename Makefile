# `make` alone says what there is. Needs Node 20, Python 3 with pip, and nothing else.
.DEFAULT_GOAL := help
.PHONY: help install build demo test check e2e bench clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: ## packages, Envoy's generated API, Envoy itself; each only when stale
	@node scripts/install-packages.mjs
	@node scripts/generate-envoy-api.mjs
	@node scripts/install-envoy.mjs

build: install ## everything that bin/diolkos needs
	@node scripts/build.mjs

demo: build ## the gateway and a mesh on this machine, from examples/dj
	bin/diolkos up examples/dj --welcome examples/dj/welcome.txt

test: build ## all tests, with real Envoys
	npx vitest run

check: install ## types, lint, format, import directions
	npx tsc
	npx biome check --error-on-warnings
	npx vitest run src/import-directions.test.ts

e2e: ## tests in a Kubernetes cluster
	@echo "make e2e comes with Kubernetes support, which is not here yet." >&2; exit 1

bench: build ## the evaluation harness
	node bench/run.mjs

clean: ## removes what was built, generated and installed
	rm -rf dist envoy-api/gen .tools node_modules
