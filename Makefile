# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# `make help` tells what there is.

PYTHON ?= python3
KIND ?= vm
HOSTS ?= storage app1
DISTRO ?= bookworm
HOST ?= app1
KEEP ?=
T ?=

SHELL := /bin/sh
MAKEFLAGS += --no-print-directory
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/holdfast
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export VIRTUAL_ENV := $(CURDIR)/.venv
# What Ansible keeps for itself stays below the user's cache folder.
export ANSIBLE_HOME := $(CACHE)/ansible
# Collections of the user stay out of the way; community.docker comes with the environment.
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/.venv/tree
export ANSIBLE_NOCOWS := 1

CHECK = @$(CURDIR)/.venv/bin/python tools/check.py $(if $(T),--only '$(T)')

.DEFAULT_GOAL := help
.PHONY: help setup environment test lint sanity unit molecule machines faults demo lab lab-ssh lab-down bench format docs build clean
.NOTPARALLEL:

help: ## show this help
	@echo 'holdfast.persistence: `make demo` shows what it does, `make test` proves it. Both set up what they need.'
	@echo
	@sed -n 's/^\([a-z-]*\):.* ## \(.*\)/\1|\2/p' Makefile | while IFS='|' read -r target text; do \
	  printf '  make %-10s %s\n' "$$target" "$$text"; done

setup: ## make .venv; as root install missing Debian packages, else say the one command that does
	@$(PYTHON) tools/setup.py

environment: ## make .venv only: enough for lint, sanity, unit
	@$(PYTHON) tools/setup.py environment

test: setup ## everything CI runs: lint, sanity, unit, molecule
	$(CHECK) lint sanity unit molecule

lint: environment ## ansible-lint, mypy, ruff, yamllint; one tool: T=ruff
	$(CHECK) lint

sanity: environment ## ansible-test sanity; one test: T=validate-modules
	$(CHECK) sanity

unit: environment ## unit tests, oldest and newest Python; some: T="tests/unit/test_x.py -k name"
	$(CHECK) unit

molecule: setup ## scenarios on hosts of the lab; one: T=volume
	$(CHECK) molecule

machines: setup ## the scenarios on virtual machines, which take an hour without KVM; one: T=nfs_mount
	$(CHECK) machines

faults: setup ## what is left when a restore, a seed or a migration is killed at each of its steps
	@python -m pytest tests/faults $(T)

demo: setup ## the main job on a real machine: provision, back up, lose, restore, compare; KEEP=1 leaves the host
	@KIND='$(KIND)' DISTRO='$(DISTRO)' KEEP='$(KEEP)' python playbooks/demo/demo.py

lab: setup ## start test hosts: KIND=vm|container HOSTS="storage app1" DISTRO=bookworm|trixie|bullseye
	@tests/lab/lab up --kind '$(KIND)' --hosts '$(HOSTS)' --distro '$(DISTRO)'

lab-ssh: ## a shell on a test host: HOST=app1
	@tests/lab/lab ssh '$(HOST)'

lab-down: ## stop and remove the test hosts
	@tests/lab/lab down

bench: setup ## what calls cost, as ratios measured in one run on one container host
	@python tests/bench/bench.py

format: environment ## bring Python code into form, as lint wants it
	@ruff check --fix --quiet; ruff format

docs: environment ## write the tables of variables in the roles' READMEs
	@python tools/role_readme.py

build: environment ## the collection as an archive in build/
	@ansible-galaxy collection build --force --output-path build

clean: ## remove what make made in the checkout, not running hosts (lab-down), nor what checkouts share in ~/.cache/holdfast
	@rm -rf .ansible .cache .hypothesis .mypy_cache .pytest_cache .ruff_cache .venv build tests/output
