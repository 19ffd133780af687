# Each target makes what it needs first; a second call finds it made and starts at once.

.DEFAULT_GOAL := help
.PHONY: help serve test check lint types docs proto freeze bench bench-compare lock services

RUN := .venv/bin/
ENVIRONMENT := .venv/.synced
# Tests are read by several processes, and start hundreds more: each would compile all again.
unexport PYTHONDONTWRITEBYTECODE
PROGRAMS := src tests scripts
# How pytest ends when no test has the mark.
NO_TESTS := 5

help: ## show this
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 15

serve: $(ENVIRONMENT) ## run largesse on the file largesse.db; ARGS='--port 0' adds options
	@exec $(RUN)largesse serve $(ARGS)

# k6 is built meanwhile, and types are checked beside the first tests, out of their way: installing
# and waiting leave much of the machine idle. What measures time runs last, with nothing beside it.
test: lint ## run everything; what this machine cannot run is said at the end
	@$(RUN)python scripts/build_k6.py >/dev/null 2>&1 & building=$$!; told=$$(mktemp); \
	nice $(MAKE) --no-print-directory types >$$told 2>&1 & checking=$$!; \
	trap 'kill $$building $$checking 2>/dev/null; rm -f $$told' EXIT; trap 'exit 130' INT TERM; \
	$(MAKE) --no-print-directory services || exit 1; \
	status=0; \
	$(RUN)pytest -m 'not alone' -n 2 --dist worksteal || status=1; \
	wait $$checking || status=1; \
	$(RUN)pytest -m alone || [ $$? = $(NO_TESTS) ] || status=1; \
	cat $$told; \
	exit $$status

# Types are checked beside the tests, and told after them: right after cloning that takes half a minute.
# Schemathesis, whose one file of tests is slow, would take a second of each process to load.
check: lint ## format, lint, types, imports and the fast tests: before each commit
	@told=$$(mktemp); $(MAKE) --no-print-directory types >$$told 2>&1 & checking=$$!; \
	trap 'kill $$checking 2>/dev/null; rm -f $$told' EXIT; trap 'exit 130' INT TERM; \
	status=0; \
	$(RUN)pytest -m 'not slow and not alone' -p no:schemathesis -n 3 --dist worksteal || status=1; \
	wait $$checking || status=1; \
	cat $$told; \
	exit $$status

lint: $(ENVIRONMENT)
	$(RUN)ruff format --check $(PROGRAMS)
	$(RUN)ruff check $(PROGRAMS)

types: $(ENVIRONMENT)
	$(RUN)mypy
	$(RUN)lint-imports --no-logo
	$(RUN)buf lint proto
	$(RUN)buf breaking proto --against proto/frozen.json

docs: $(ENVIRONMENT) ## write the pages made from the code, and build/site from all pages
	$(RUN)python scripts/reference.py
	$(RUN)python scripts/website.py

proto: $(ENVIRONMENT) ## write the Python that is made from proto/
	cd proto && PATH="$(CURDIR)/$(RUN):$$PATH" buf generate

freeze: $(ENVIRONMENT) ## at a release: promise that what proto/ says now will never break
	$(RUN)buf build proto --exclude-source-info -o -\#format=json | $(RUN)python -m json.tool --indent 1 --sort-keys > proto/frozen.new
	mv proto/frozen.new proto/frozen.json

bench: $(ENVIRONMENT) services ## measure, beside what bounds it; ARGS='claim' picks a scenario
	$(RUN)largesse bench $(ARGS)

bench-compare: $(ENVIRONMENT) ## what changed between two results; OLD=folder NEW=folder
	$(RUN)largesse bench-compare $(OLD) $(NEW) $(ARGS)

lock: ## write uv.lock from pyproject.toml; ARGS='--upgrade' takes newer versions
	@scripts/bootstrap.sh lock $(ARGS)

services:
	@scripts/install_packages.sh chromium curl nginx-light pgbouncer postgresql-15 systemd wrk

$(ENVIRONMENT): uv.lock pyproject.toml scripts/bootstrap.sh
	@scripts/bootstrap.sh
