# Verbs only: what they do is in local/wan_video_local, functions/ and layers/.
PYTHON ?= python3
BOOTSTRAP := @$(PYTHON) local/wan_video_local/bootstrap.py
LOCAL := .venv/bin/python -m wan_video_local

# Taken as they were typed, `$$` and quotes included: make does not expand them and no shell reads them.
SETTINGS := PROMPT MODEL SIZE DURATION SEED NEGATIVE_PROMPT SPEED WAN CONFIRM
$(foreach name,$(SETTINGS),$(eval override $(name) := $$(value $(name))))
export $(SETTINGS)

.DEFAULT_GOAL := help
.PHONY: help run up down test clean

help: ## show this
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 16
	@echo '  PROMPT="..." MODEL= SIZE=1280x720 DURATION=5 SEED= NEGATIVE_PROMPT= SPEED=20 (1: real time)'
	@echo '  WAN=singapore|beijing with DASHSCOPE_API_KEY set uses the real service, after asking'

run: ## one prompt through the whole stack on this machine, to out/<video id>.mp4
	$(BOOTSTRAP) local
	@$(LOCAL) run

up: ## start the stack and leave it running
	$(BOOTSTRAP) local
	@$(LOCAL) up

down: ## end what `make up` started
	$(BOOTSTRAP) local
	@$(LOCAL) down

test: ## all tests
	$(BOOTSTRAP) dev
	@.venv/bin/python -m pytest

clean: ## remove what was built and logged; keeps .venv and out/
	@test ! -e .run/stack.json || $(LOCAL) down
	@rm -rf .run .aws-sam
