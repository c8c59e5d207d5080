# duct: everything that is done with the project, one word each.
#
#   make test      all tests
#   make format    the project's style; make lint says where it is not kept
#   make clean     away with what was built
#
# Each installs what it needs by apt when it is missing, and says so.

SHELL := /bin/bash
SWIFT ?= swift

.PHONY: all build test format lint clean

all: build

build:
	@contrib/install-dependencies build
	$(SWIFT) build

test: lint
	@contrib/install-dependencies build yardstick
	$(SWIFT) build --build-tests
	SWIFT=$(SWIFT) contrib/run-tests

format:
	$(SWIFT) format --in-place --recursive Sources Tests Package.swift

lint:
	$(SWIFT) format lint --strict --recursive Sources Tests Package.swift

clean:
	rm -rf .build
