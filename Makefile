# duct: everything that is done with the project, one word each.
#
#   make test      all tests, on that Slurm
#   make format    the project's style; make lint says where it is not kept
#   make clean     away with what was built
#
# Each installs what it needs by apt when it is missing, and says so.

SHELL := /bin/bash
SWIFT ?= swift
DEBUG := .build/debug
TESTBED := contrib/testbed/testbed

.PHONY: all build test format lint clean

all: build

build:
	@contrib/install-dependencies build
	$(SWIFT) build
	@ln -sf duct $(DEBUG)/con-duct

test: lint
	@contrib/install-dependencies build slurm yardstick
	$(SWIFT) build --build-tests
	@ln -sf duct $(DEBUG)/con-duct
	TESTBED_MIN_JOB_AGE=300 SWIFT=$(SWIFT) $(TESTBED) run --dir "$${TMPDIR:-/tmp}/duct-test-slurm" -- \
	  contrib/run-tests

format:
	$(SWIFT) format --in-place --recursive Sources Tests Package.swift

lint:
	$(SWIFT) format lint --strict --recursive Sources Tests Package.swift

clean:
	rm -rf .build
