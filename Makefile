# This file has only verbs; their code is in local/wan_video_local, functions/, layers/ and tools/.
PYTHON ?= python3
MAKEFLAGS += --no-print-directory
# Without .pyc files, each of hundreds of processes compiles its imports again, and pytest rewrites every test.
unexport PYTHONDONTWRITEBYTECODE
BOOTSTRAP := @$(PYTHON) local/wan_video_local/interpreter.py
LOCAL := .venv/bin/python -m wan_video_local

SAM := SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=us-east-1 .venv/bin/sam
# Ignored checks: tracing (WS1000, WS2002, WS5000), which costs start-up time and shows the same as the history; access
# logs that are always on (ES2000); log groups not named by a !Ref (WS1004) and failures of event sources (ES1001, which
# does not know that a queue has its own dead letters). Contract tests check the last two.
CFN_LINT := .venv/bin/cfn-lint --append-rules cfn_lint_serverless.rules --ignore-checks WS1000 WS1004 WS2002 WS5000 ES1001 ES2000 --template

# Values are passed on exactly as typed, including `$$` and quotes: neither make nor a shell expands them.
SETTINGS := PROMPT FILE IMAGE LAST_IMAGE MODEL SIZE RESOLUTION ASPECT_RATIO DURATION AUDIO SEED NEGATIVE_PROMPT SPEED WAN WORKSPACE CONFIRM
$(foreach name,$(SETTINGS),$(eval override $(name) := $$(value $(name))))
export $(SETTINGS)
export N MODE MUTANT QUICK BENCH TROUBLES DROPPED

# If a misspelt name were ignored, the result would not be what was asked for.
TYPED := $(foreach name,$(.VARIABLES),$(if $(findstring command,$(origin $(name))),$(name)))
UNKNOWN := $(filter-out $(SETTINGS) PYTHON N MODE MUTANT QUICK BENCH TROUBLES DROPPED MAKEFLAGS,$(TYPED))
$(if $(UNKNOWN),$(error Unknown setting $(UNKNOWN); the settings are $(SETTINGS)))

.DEFAULT_GOAL := help
.PHONY: help run up down check quick test test-clients test-slow test-long admission chaos chaos-mutants bench lock clean

help: ## show this help
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 23
	@echo '  PROMPT="..." MODEL= SIZE=1280x720 DURATION=5 SEED= NEGATIVE_PROMPT= SPEED=20 (1: real time)'
	@echo '  RESOLUTION=720P ASPECT_RATIO=adaptive AUDIO=false where the model has them, such as wan3.0-video'
	@echo '  IMAGE=examples/den.jpg LAST_IMAGE= with a model that takes images, such as MODEL=wan2.7-i2v'
	@echo '  FILE=examples/prompts.json (or a .txt) instead of PROMPT: all its prompts, to out/, with a report'
	@echo '  WAN=singapore|beijing|... with DASHSCOPE_API_KEY set uses the real service, after asking; WORKSPACE=<id> names a workspace'

run: ## send one prompt through the whole stack on this machine, and save out/<video id>.mp4
	$(BOOTSTRAP) local
	@$(LOCAL) run

up: ## start the stack and keep it running
	$(BOOTSTRAP) local
	@$(LOCAL) up

down: ## stop what `make up` started
	@if test -e .run/stack.json; then $(LOCAL) down; else echo 'Nothing is running.'; fi

check: ## check style, types, imports, language, template, state machine and security
	$(BOOTSTRAP) dev
	@.venv/bin/ruff check
	@.venv/bin/ruff format --check
	@.venv/bin/mypy
	@.venv/bin/lint-imports --no-logo
	@.venv/bin/bandit -q -r -ll layers/shared/wan_video functions local cli
	@.venv/bin/python -m tools.scanners
	@.venv/bin/python -m tools.language
	@mkdir -p .aws-sam && .venv/bin/python -m tools.template > .aws-sam/transformed.json
	@$(CFN_LINT) template.yaml .aws-sam/transformed.json
	@$(SAM) validate --lint
	@.venv/bin/check-jsonschema -q --builtin-schema vendor.github-workflows .github/workflows/*.yaml
	@.venv/bin/check-jsonschema -q --builtin-schema vendor.dependabot .github/dependabot.yml

# Tests that share a running stack run one after another; all others run in parallel to them, file by file. The workers
# are more than the cores, because tests with a stack often wait; slow tests start more processes each.
PYTEST := .venv/bin/python -m pytest --numprocesses 3 --dist loadgroup --no-loadscope-reorder

# ruff and mypy check everything, but spend time only on what has changed; tools/affected.py chooses the tests, which run
# beside mypy, because it uses only one core.
quick: ## run the unit tests that a change affects, and check style and types
	$(BOOTSTRAP) dev
	@.venv/bin/ruff check --quiet
	@.venv/bin/ruff format --check --quiet
	@$(MAKE) --jobs 2 --output-sync=target types affected

.PHONY: types affected
types:
	@.venv/bin/mypy

affected:
	@tests=$$(.venv/bin/python -m tools.affected) && $(PYTEST) --numprocesses 2 --quiet --hypothesis-profile quick $$tests

test: ## run all tests except the slow and the long ones
	$(BOOTSTRAP) dev
	@$(PYTEST) --numprocesses 4

test-clients: ## test the SDKs and the command line tool with the local stack (part of test)
	$(BOOTSTRAP) dev
	@.venv/bin/python -m pytest tests/e2e/clients

.PHONY: test-console
test-console: ## test the console in Chromium with the local stack (part of test-slow)
	$(BOOTSTRAP) dev
	@.venv/bin/python -m pytest -m slow -rs tests/e2e/console

test-slow: ## run the tests that take minutes, or need more than Python
	$(BOOTSTRAP) dev
	@$(PYTEST) -m 'slow and not long' -rs

test-long: ## run the tests that take longer still and rarely fail (not in .ci/run)
	$(BOOTSTRAP) dev
	@$(PYTEST) -m long -rs

chaos: ## run the stack under faults and kills: N=60 SEED=1 MODE=resend|hold, or MUTANT=<name> (docs/reliability.md)
	$(BOOTSTRAP) dev
	@.venv/bin/python -m tests.chaos $${N:+--n $$N} $${SEED:+--seed $$SEED} $${MODE:+--mode $$MODE} $${MUTANT:+--mutant $$MUTANT}

chaos-mutants: ## plant each known bug, one after another; each must be found
	$(BOOTSTRAP) dev
	@.venv/bin/python -m tests.chaos --all-mutants

.PHONY: simulate
simulate: ## play histories of the stack under one virtual clock: N=1000 SEED= MODE= MUTANT=<name>|all (docs/reliability.md)
	$(BOOTSTRAP) dev
	@.venv/bin/python -m tests.simulation $${N:+--n $$N} $${SEED:+--seed $$SEED} $${MODE:+--mode $$MODE} $${MUTANT:+--mutant $$MUTANT} $${TROUBLES:+--troubles "$$TROUBLES"} $${DROPPED:+--dropped "$$DROPPED"}

.PHONY: fuzz
fuzz: ## search for bytes that crash a parser, guided by coverage, for ten minutes (Linux on x86-64)
	$(BOOTSTRAP) dev
	@.venv/bin/uv pip install --quiet --python .venv/bin/python --require-hashes --requirement requirements/fuzz.txt
	@.venv/bin/python -m tests.fuzz

admission: ## test places, turns and changing limits: 220 videos on the local stack, 13,000 in a simulation
	$(BOOTSTRAP) dev
	@.venv/bin/python -m tests.admission

# A lock records versions and hashes, but no index. The locks of the layer and of the local stack follow that of the tests.
COMPILE := .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links

bench: ## compare the project with its alternatives, to out/bench.json; QUICK=1 is shorter, BENCH=<name> runs one
	$(BOOTSTRAP) dev
	@.venv/bin/python -m bench $${QUICK:+--quick} $$BENCH

lock: ## compile the locks from pyproject.toml
	$(BOOTSTRAP) dev
	@$(COMPILE) pyproject.toml --group dev --output-file requirements/dev.txt
	@$(COMPILE) pyproject.toml --group layer --group local --constraint requirements/dev.txt --output-file requirements/local.txt
	@$(COMPILE) --group layer --constraint requirements/dev.txt --output-file layers/shared/requirements.txt
	@$(COMPILE) --group thumbnail --constraint requirements/dev.txt --output-file layers/thumbnail/requirements.txt
	@$(COMPILE) --group fuzz --constraint requirements/dev.txt --output-file requirements/fuzz.txt

clean: ## remove builds and logs; keeps .venv and out/
	@test ! -e .run/stack.json || $(LOCAL) down
	@rm -rf .run .aws-sam
