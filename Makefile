# duct: targets for everything that is done with the project.
#
#   make demo      a real Slurm on this machine, on which duct wraps a small campaign
#   make unit      the tests that need neither root nor FUSE nor Slurm nor PyPI: under a minute after the build
#   make test      all tests, on Slurms of their own
#   make install PREFIX=DIR    a release build, with man pages and completions (default /usr/local)
#                SLURM=DIR     with the libslurm of the Slurm that is installed there
#   make tarball   a tree for other x86_64 hosts with glibc 2.34 or newer: dist/duct-VERSION-x86_64.tar.gz.
#                  It contains duct-slurm if SLURM=DIR names the Slurm of those hosts. Otherwise duct asks
#                  Slurm through its commands there.
#   make test-tarball     runs the tarball on a bare Debian 12; needs root
#   make test-releases    runs the Slurm tests on the Slurm releases of other Debian releases; needs root
#   make bench     measures speed, and that of con-duct in the same run
#   make fuzz RUNS=20000   gives damaged files to recover, ls and report; SEED=N repeats a run
#   make soak      an hour's worth of output into a log directory that fails half of the time
#   make simulate SEEDS=1000000    simulates runs and searches for lost data; make mutations tests that search
#   make generate  writes the man pages and docs/options.md from the declarations of the options
#   make docs      builds pages about ResilientIO, OutputRelay and SlurmJobs: .build/docs
#   make format    applies the project's style; make lint reports violations
#   make clean     removes everything that was built
#
# Except unit, format, lint, generate and clean, each target installs missing packages with apt, and prints which.

SHELL := /bin/bash
PREFIX ?= /usr/local
SWIFT ?= swift
# The folder in which Slurm is installed. Empty: use what pkg-config or the compiler finds.
SLURM ?=
WITH_SLURM = contrib/with-slurm "$(SLURM)"
DEPENDENCIES = SLURM="$(SLURM)" contrib/install-dependencies
DEBUG := .build/debug
RELEASE := .build/release
TESTBED := contrib/testbed/testbed

# duct starts before every command, so these flags make it start fast:
# - libstdc++ and libgcc are linked statically. Loading them took a third of the start.
# - The executables have fixed addresses. Otherwise the loader relocates 43,000 pointers at each start, which
#   touches every page of data.
# - No local rpath. No libraries are beside the executables, and the loader would look there for each system
#   library.
# - The executables export no symbols. Swift's runtime searches all exported ones when a program starts.
# - The relay is linked with all of glibc, if there is a static one.
# lld is the toolchain's own linker. It does not warn of mktemp in a part of Foundation that duct never calls.
STATIC := .build/static
SIMULATION_FLAGS := -Xswiftc -enable-testing -Xswiftc -enforce-exclusivity=unchecked -Xswiftc -DDUCT_SIMULATION -Xcc -DDUCT_RELAY_RANGES=4
RELEASE_FLAGS := -c release --static-swift-stdlib --disable-local-rpath -Xlinker -L$(CURDIR)/$(STATIC) \
  -Xswiftc -Xclang-linker -Xswiftc -static-libgcc -Xswiftc -Xclang-linker -Xswiftc -no-pie \
  -Xswiftc -use-ld=lld -Xlinker --no-export-dynamic -Xlinker $(CURDIR)/$(STATIC)/older-glibc.o
STATIC_RELAY = $(if $(filter /%,$(shell gcc -print-file-name=libc.a)),yes,no)

.PHONY: docs unit generate tarball test-tarball test-releases simulate mutations fuzz all build release demo test install bench fuzz soak format lint clean

all: build

build:
	@$(DEPENDENCIES) build
	$(WITH_SLURM) $(SWIFT) build
	@ln -sf duct $(DEBUG)/con-duct

release:
	@$(DEPENDENCIES) build
	@mkdir -p $(STATIC)
	@ln -sf "$$(gcc -print-file-name=libstdc++.a)" "$$(gcc -print-file-name=libgcc_eh.a)" $(STATIC)/
	@gcc -O2 -Wall -Wextra -c contrib/older-glibc/older-glibc.c -o $(STATIC)/older-glibc.o
	DUCT_STATIC_RELAY=$(STATIC_RELAY) $(WITH_SLURM) $(SWIFT) build $(RELEASE_FLAGS)
	@ln -sf duct $(RELEASE)/con-duct

demo: build
	@$(DEPENDENCIES) slurm
	@$(TESTBED) run --dir "$${TMPDIR:-/tmp}/duct-demo-slurm" -- contrib/demo/run $(abspath $(DEBUG) .build/demo.html)

unit:
	$(WITH_SLURM) $(SWIFT) build --build-tests
	@contrib/run-tests 'unit-*'

test: lint
	@$(DEPENDENCIES) build slurm yardstick pages faults kerberos
	$(WITH_SLURM) $(SWIFT) build --build-tests
	@Tests/FaultFileSystem/build $(DEBUG)/fault-fs
	@Tests/FaultFileSystem/check $(DEBUG)/fault-fs
	@ln -sf duct $(DEBUG)/con-duct
	@SIMULATED_SEEDS=2000 contrib/run-tests

bench: release
	@$(DEPENDENCIES) slurm yardstick bench
	@Benchmarks/run $(abspath $(RELEASE)) $(abspath .build/yardstick/bin)

simulate:
	@$(DEPENDENCIES) build
	$(WITH_SLURM) $(SWIFT) build -c release --scratch-path .build-simulate --product delivery-simulator $(SIMULATION_FLAGS)
	.build-simulate/release/delivery-simulator $(or $(SEEDS),1000000) $(FIRST)

mutations:
	@$(DEPENDENCIES) build faults
	@SWIFT=$(SWIFT) FLAGS="$(SIMULATION_FLAGS)" $(WITH_SLURM) Tests/DeliverySimulation/mutations/try $(FAULTS)

fuzz:
	@$(DEPENDENCIES) build
	$(WITH_SLURM) $(SWIFT) build --build-tests
	@ln -sf duct $(DEBUG)/con-duct
	FUZZ_RUNS=$(or $(RUNS),20000) $(if $(SEED),FUZZ_SEED=$(SEED)) \
	  $(WITH_SLURM) $(SWIFT) test --skip-build --no-parallel --filter FuzzTests

soak: release
	@$(DEPENDENCIES) faults
	@Tests/FaultFileSystem/build $(RELEASE)/fault-fs
	@Benchmarks/soak $(abspath $(RELEASE))

install: release
	@PREFIX="$(PREFIX)" $(WITH_SLURM) contrib/install $(RELEASE)

tarball: release
	@SLURM="$(SLURM)" contrib/tarball $(RELEASE) dist

test-tarball: tarball
	@$(DEPENDENCIES) roots
	@contrib/test-tarball dist/duct-*-x86_64.tar.gz

test-releases:
	@$(DEPENDENCIES) build roots
	$(WITH_SLURM) $(SWIFT) build --build-tests
	@ln -sf duct $(DEBUG)/con-duct
	@SWIFT=$(SWIFT) contrib/test-releases

docs: build
	@SWIFT=$(SWIFT) contrib/build-docs $(DEBUG) .build/docs

generate: build
	@$(DEBUG)/con-duct --experimental-dump-help | $(DEBUG)/generate-documents .

format:
	$(SWIFT) format --in-place --recursive Sources Tests Package.swift

lint:
	$(SWIFT) format lint --strict --recursive Sources Tests Package.swift
	@! grep -rnE 'Monitor(<\(|<@Sendable|\(.* as )[^=]*->' Sources || \
	  { echo "lint: a Monitor must not hold a function: use LateFunction (SystemCalls/LateFunction.swift)" >&2; exit 1; }

clean:
	rm -rf .build .build-simulate .build-releases dist
