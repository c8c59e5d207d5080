# duct: everything that is done with the project, one word each.
#
#   make demo      a real Slurm on this machine, and duct doing its main job on it
#   make test      all tests, on that Slurm
#   make install PREFIX=DIR    a release build, with man pages and completions (default /usr/local)
#                SLURM=DIR     with the libslurm of the Slurm that was installed there
#   make tarball   a tree for other x86_64 hosts, with glibc 2.34 or newer: dist/duct-VERSION-x86_64.tar.gz; duct-slurm is
#                  in it if SLURM=DIR says which Slurm the hosts have, else they are asked by Slurm's commands
#   make test-tarball     the tarball, run on a bare Debian 12; needs root
#   make test-releases    the tests of Slurm on Debian's other releases of it; needs root
#   make bench     speed, beside con-duct in the same run
#   make fuzz RUNS=20000   damaged files given to recover, ls and report; SEED=N plays the same again
#   make soak      an hour's worth of output into a log directory that comes and goes
#   make simulate SEEDS=1000000    histories of runs, searched for a loss; make mutations proves the search
#   make format    the project's style; make lint says where it is not kept
#   make clean     away with what was built
#
# Each installs what it needs by apt when it is missing, and says so.

SHELL := /bin/bash
PREFIX ?= /usr/local
SWIFT ?= swift
# Where Slurm was installed; empty for what pkg-config or the compiler find.
SLURM ?=
WITH_SLURM = contrib/with-slurm "$(SLURM)"
DEPENDENCIES = SLURM="$(SLURM)" contrib/install-dependencies
DEBUG := .build/debug
RELEASE := .build/release
TESTBED := contrib/testbed/testbed

# duct stands in front of every command, so its start is looked after. libstdc++ and libgcc go into the
# executables (a third of the start was spent on loading them), and they have fixed addresses (else
# 43,000 pointers are relocated at each start, which touches every page of data). No library of their own lies beside
# them, so the loader need not look there for each of the system's. lld, the toolchain's own linker, does not warn of
# mktemp in a part of Foundation that nobody calls.
STATIC := .build/static
SIMULATION_FLAGS := -Xswiftc -enable-testing -Xswiftc -enforce-exclusivity=unchecked -Xswiftc -DDUCT_SIMULATION -Xcc -DDUCT_RELAY_RANGES=4
RELEASE_FLAGS := -c release --static-swift-stdlib --disable-local-rpath -Xlinker -L$(CURDIR)/$(STATIC) \
  -Xswiftc -Xclang-linker -Xswiftc -static-libgcc -Xswiftc -Xclang-linker -Xswiftc -no-pie \
  -Xswiftc -use-ld=lld -Xlinker $(CURDIR)/$(STATIC)/older-glibc.o

.PHONY: tarball test-tarball test-releases simulate mutations fuzz all build release demo test install bench fuzz soak format lint clean

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
	$(WITH_SLURM) $(SWIFT) build $(RELEASE_FLAGS)
	@ln -sf duct $(RELEASE)/con-duct

demo: build
	@$(DEPENDENCIES) slurm
	@$(TESTBED) run --dir "$${TMPDIR:-/tmp}/duct-demo-slurm" -- contrib/demo/run $(abspath $(DEBUG))

test: lint
	@$(DEPENDENCIES) build slurm yardstick faults
	$(WITH_SLURM) $(SWIFT) build --build-tests
	@Tests/FaultFileSystem/build $(DEBUG)/fault-fs
	@Tests/FaultFileSystem/check $(DEBUG)/fault-fs
	@ln -sf duct $(DEBUG)/con-duct
	TESTBED_MIN_JOB_AGE=300 SWIFT=$(SWIFT) $(TESTBED) run --dir "$${TMPDIR:-/tmp}/duct-test-slurm" -- \
	  $(WITH_SLURM) contrib/run-tests

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

format:
	$(SWIFT) format --in-place --recursive Sources Tests Package.swift

lint:
	$(SWIFT) format lint --strict --recursive Sources Tests Package.swift

clean:
	rm -rf .build .build-simulate .build-releases dist
