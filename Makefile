# SPDX-License-Identifier: MIT
#
# The few commands one needs; meson and ninja do the work. `make help` lists them.
# Each installs what it misses from Debian's packages (tools/deps), so that a fresh
# machine needs git and make and nothing else.

BUILD ?= build
PREFIX ?= /usr/local
DESTDIR ?=
TIME ?= 60
SECONDS_EACH ?= 1
SCHEDULES ?= 10000000
N ?= 1000000
REPEATS ?= 5

ninja = ninja -C $(1) $(if $(JOBS),-j$(JOBS))
measured = LOAD_BEFORE="$$(cut -d' ' -f1-3 /proc/loadavg)"; export LOAD_BEFORE; \
	bench/measure $(BUILD)/bench/tern-bench $(BUILD)/bench.tsv --seconds $(SECONDS_EACH) --repeats $(REPEATS); \
	bench/figures.py $(BUILD)/bench.tsv docs/bench.md docs/plots; \
	bench/growth.py $(BUILD)/bench.tsv docs/performance.md
setup = test -f $(1)/build.ninja || meson setup $(1) $(2)

.PHONY: kills bulk all help test demo bench library install asan tsan clang fuzz soak format docs clean streams hostile hostile-page cycles models mutants sweep torture coverage valgrind old-kernel asan-short tsan-short
.DEFAULT_GOAL := all

all: ## build everything into build/
	@tools/deps build
	@$(call setup,$(BUILD))
	@$(call ninja,$(BUILD))

help: ## this list
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16
	@echo
	@echo 'make test T="bus seals"         only those tests'
	@echo 'make install PREFIX=… DESTDIR=… as usual; PREFIX is /usr/local'
	@echo 'make fuzz TIME=600              so long for each target'
	@echo 'make soak TIME=600              so long; BUILD=build-tsan once there is one'
	@echo 'JOBS=1 BUILD=elsewhere          for all of them'

test: ## run all tests; ends with "N passed, N failed"
	@tools/deps build test
	@$(call setup,$(BUILD))
	@tools/with $(BUILD) tests
	@$(call ninja,$(BUILD))
	@tools/run-tests -C $(BUILD) $(T)

demo: ## two players, a mixer, and the proof that the sound is right
	@tools/deps build demo
	@$(call setup,$(BUILD))
	@$(call ninja,$(BUILD))
	@examples/mixer/demo.sh $(BUILD)

bench: ## tern beside its limits and peers, into docs/bench.md (OPTIONS='rpc-hot': only shown)
	@tools/deps build bench
	@$(call setup,$(BUILD))
	@tools/with $(BUILD) bench
	@$(call ninja,$(BUILD))
	@$(if $(OPTIONS),$(BUILD)/bench/tern-bench $(OPTIONS),$(measured))

library: all ## what libtern.so weighs, needs and shows
	@tools/show-library $(BUILD)

install: ## install under PREFIX, inside DESTDIR
	@tools/deps build
	@$(call setup,$(BUILD))
	@meson configure $(BUILD) --prefix=$(abspath $(PREFIX))
	@$(call ninja,$(BUILD))
	@meson install -C $(BUILD) --no-rebuild --quiet $(if $(DESTDIR),--destdir $(abspath $(DESTDIR)))

# The sanitizers: whole suite, or with -short what .ci/run has time for.
asan asan-short: SANITIZE = address,undefined
tsan tsan-short: SANITIZE = thread
asan tsan asan-short tsan-short: SANITIZED = build-$(firstword $(subst -, ,$@))

asan: ## the tests under AddressSanitizer and UBSan (build-asan/)
tsan: ## the tests under ThreadSanitizer (build-tsan/)
asan tsan asan-short tsan-short:
	@tools/deps build test
	@$(call setup,$(SANITIZED),-Db_sanitize=$(SANITIZE) -Doptimization=1 -Dtests=enabled -Dbench=disabled)
	@$(if $(findstring short,$@),,$(call ninja,$(SANITIZED)))
	@tools/run-tests -C $(SANITIZED) --slower 6 $(if $(findstring short,$@),--short --build) \
		$(if $(findstring tsan-short,$@),--without pure --without tool) $(T)

clang: ## build with clang, every warning an error (build-clang/)
	@tools/deps build test clang
	@test -f build-clang/build.ninja || CC=clang CXX=clang++ meson setup build-clang -Dtests=enabled
	@$(call ninja,build-clang)

fuzz: ## run each fuzzer for TIME seconds (build-fuzz/)
	@tools/deps build test fuzz
	@test -f build-fuzz/build.ninja || CC=clang CXX=clang++ meson setup build-fuzz \
		-Dfuzz=true -Dtests=disabled -Dbench=disabled -Db_sanitize=address,undefined -Db_lundef=false
	@$(call ninja,build-fuzz)
	@tools/run-fuzz build-fuzz $(TIME) $(T)

models: ## search all states of models/, and ten million schedules of each scene
	@tools/deps build test models
	@$(call setup,$(BUILD))
	@tools/with $(BUILD) tests
	@$(call ninja,$(BUILD))
	@tools/models $(T)
	@$(BUILD)/tests/schedule/schedule-test $(SCHEDULES)

mutants: ## put faults into a copy of the code; each must turn a test red
	@tools/deps build test
	@tools/mutants --build $(BUILD)/mutants $(T)

streams: ## 10 GB through streams, in bounded memory
	@tools/deps build test
	@$(call setup,$(BUILD))
	@tools/with $(BUILD) tests
	@$(call ninja,$(BUILD))
	@TERND=$(BUILD)/src/daemon/ternd TERN_TEST_LONG=1 $(BUILD)/tests/system/talk/talk-streams_bulk-test

soak: ## programs that do random things to each other, for TIME seconds
	@tools/deps build test
	@$(call setup,$(BUILD))
	@tools/with $(BUILD) tests
	@$(call ninja,$(BUILD))
	@$(BUILD)/tests/soak/soak-test -t $(TIME)

bulk: ## N numbered messages in all forms, as fast as it goes
	@tools/deps build test
	@$(call setup,$(BUILD))
	@tools/with $(BUILD) tests
	@$(call ninja,$(BUILD))
	@$(BUILD)/tests/soak/soak-test -b -n $(N)

kills: ## sixteen programs that do random things, some of them or ternd killed every few ms, for TIME seconds
	@tools/deps build test
	@$(call setup,$(BUILD))
	@tools/with $(BUILD) tests
	@$(call ninja,$(BUILD))
	@$(BUILD)/tests/soak/soak-test -k -w 16 -t $(TIME)

sweep: ## kill at each instruction, change memory after each; ends with "N kill points, N flips, N violations"
	@tools/deps build test
	@$(call setup,$(BUILD))
	@tools/with $(BUILD) tests
	@$(call ninja,$(BUILD))
	@TERN_TEST_LONG=1 $(BUILD)/tests/crash/sweep-test

torture: ## each allocation and system call fails once (ALL=-a: at every call of each site)
	@tools/deps build test
	@$(call setup,$(BUILD))
	@tools/with $(BUILD) tests
	@$(call ninja,$(BUILD))
	@tests/inject/torture.sh $(BUILD) $(ALL)

hostile: ## programs that do wrong beside two that do right: each over and over, with figures (T=PATTERN)
	@tools/deps build test
	@$(call setup,$(BUILD))
	@tools/with $(BUILD) tests
	@$(call ninja,$(BUILD))
	@$(BUILD)/tests/hostile/hostile --long $(T)

hostile-page: all
	@tests/hostile/page.py --write $(BUILD)/tests/hostile/hostile docs/hostile.md

cycles: ## programs that connect, talk and die: N=1000000 of them; and a death that a hundred are told of
	@tools/deps build test
	@$(call setup,$(BUILD))
	@tools/with $(BUILD) tests
	@$(call ninja,$(BUILD))
	@$(BUILD)/tests/hostile/hostile-notice 300
	@$(BUILD)/tests/hostile/hostile-cycles $(N)

# Counters in files that processes share: what was killed has counted, too.
counted = -fprofile-instr-generate=$(CURDIR)/build-coverage/profile/%m%c.profraw -fcoverage-mapping \
	-mllvm -runtime-counter-relocation

coverage: ## which lines and branches tests reach (build-coverage/; CHECK=--check: fails below the targets)
	@tools/deps build test coverage
	@test -f build-coverage/build.ninja || LLVM_PROFILE_FILE=/dev/null CC=clang CXX=clang++ meson setup build-coverage -Doptimization=0 \
		-Ddebug=false -Dtests=enabled -Dbench=disabled -Db_lundef=false \
		"-Dc_args=$(counted)" "-Dc_link_args=-fprofile-instr-generate"
	@$(call ninja,build-coverage)
	@rm -rf build-coverage/profile
	@tools/run-tests -C build-coverage --slower 6 --without house $(T) || true
	@$(if $(T),,tests/inject/torture.sh --unjudged build-coverage || true)
	@tools/coverage build-coverage $(CHECK)

valgrind: ## tests of modules under valgrind (SUITE=system: others)
	@tools/deps build test valgrind
	@$(call setup,$(BUILD))
	@tools/with $(BUILD) tests
	@$(call ninja,$(BUILD))
	@CK_TIMEOUT_MULTIPLIER=20 tools/run-tests -C $(BUILD) --slower 20 --suite $(or $(SUITE),unit) --without tool --under "$(CURDIR)/tools/valgrind" $(T)

old-kernel: ## the tests as if Linux were 5.15, and how often each way around was taken
	@tools/deps build test
	@$(call setup,$(BUILD))
	@tools/with $(BUILD) tests
	@$(call ninja,$(BUILD))
	@rm -f $(BUILD)/old-kernel.taken
	@code=0; TERN_TEST_OLD_KERNEL=$(abspath $(BUILD))/old-kernel.taken tools/run-tests -C $(BUILD) --without house \
		--under $(abspath $(BUILD))/tests/system/old-kernel $(T) || code=1; \
	awk '{n[$$1] += $$2} END {for (i in n) {print n[i] " times without " i; none += !n[i]} exit none > 0}' \
		$(BUILD)/old-kernel.taken || code=1; exit $$code

format: ## let clang-format decide, on what differs from the last commit
	@tools/deps format
	@git diff --name-only --diff-filter=d HEAD -- '*.c' '*.h' | xargs -r clang-format -i

docs: ## the headers as pages, build/docs/html/
	@tools/deps docs
	@mkdir -p $(BUILD)/docs
	@{ cat docs/Doxyfile; echo 'OUTPUT_DIRECTORY = "$(BUILD)/docs"'; } | doxygen -
	@echo $(BUILD)/docs/html/index.html

clean: ## remove build/ and its siblings
	rm -rf $(BUILD) build-asan build-tsan build-clang build-fuzz build-coverage
