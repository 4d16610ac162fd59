# itts-pack. Nothing is built outside build/VARIANT/. See CONTRIBUTING.md.
#
#   make            the program: build/release/itts-pack
#   make demo       installs what is missing, builds, shows the main job
#   make check      installs what is missing, then all tests
#   make help       the rest

MAKEFLAGS += -rR
.DELETE_ON_ERROR:
.SUFFIXES:

VERSION := 0.1.0
VARIANT ?= release
B := build/$(VARIANT)
-include local.mk

ifeq ($(origin CC),default)
CC := gcc
endif
ifeq ($(origin AR),default)
AR := ar
endif
CC ?= gcc
AR ?= ar
CLANG ?= clang
PKG_CONFIG ?= pkg-config
PREFIX ?= /usr/local
CFLAGS ?= -O2 -g
Q := $(if $(V),,@)

ifeq ($(VARIANT),clang)
CC := $(CLANG)
else ifeq ($(VARIANT),asan)
variant_flags := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -O1
else ifeq ($(VARIANT),tsan)
variant_flags := -fsanitize=thread -O1
else ifeq ($(VARIANT),cov)
variant_flags := --coverage -O0
else ifeq ($(VARIANT),fuzz)
CC := $(CLANG)
variant_flags := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -O1
else ifeq ($(VARIANT),release)
variant_flags := -D_FORTIFY_SOURCE=3
endif

# --- what is built: stray files are not ------------------------------------
folders := base manifest cache fetch bundle doctor cmd

base_src := error mem str utf8 digest json json_guard json_reader json_writer path path_fold \
	file atomic dir event cancel clock human near pool xxh64 tar_reader tar_view
manifest_src := glob repo check twins field mirror archive_ref manifest manifest_parse manifest_repo manifest_model \
	manifest_format recipes lock lock_parse lock_check lock_diff lock_join lock_pick
cache_src := beneath beneath_walk hfcache gitname remember part blocks follow journal ref tree view view_plan sharing recorded place hashrun stamps checked probe verify_report verify verify_cache verify_view
fetch_src := endpoint ask \
	http http_error http_get http_issuer http_open http_rate http_refusal http_response http_setup http_tls http_url http_wait retry hub \
	hub_parse resolve segment pace reach download download_plan download_fetch download_job download_lane download_pump download_repair download_answer
bundle_src := bmanifest bmanifest_parse layout layout_members extra extra_own tar \
	oci clone copy pack pack_extra sbom spdx license npy record sniff source space policy install_policy inventory inventory_scan install install_places install_plan install_name install_thin install_volumes volcard volumes volumes_write install_payload import import_name import_scan import_pick import_plan import_space import_load check check_run check_pieces check_volumes supply supply_find hashed
cmd_src := main app commands options groups help config text progress render render_tty \
	render_plain render_json completion envfile report net kind select work cmd_completion cmd_env \
	cmd_fetch cmd_help cmd_init cmd_inspect cmd_inventory pack_choice cmd_install cmd_lock cmd_pack cmd_recipes \
	cmd_verify cmd_version
# the kinds of hub
fetch_src += modelscope modelscope_parse learn plain pkt lfs git git_memory git_pack git_source http_hop \
	measure
cmd_src += cmd_mirrors
# registries
fetch_src += registry registry_parse
# archives
fetch_src += archive archive_source download_renew
cmd_src += pull pull_bundle placed registry_auth
# who made it, and what it may hold
base_src += base64 fifo
bundle_src += sign sshsig signers slot trust serials scan_input pickle pickle_ops zipdir npy scan
cmd_src += cmd_sign trust policy serial run cmd_scan cmd_sbom

# why it does not start
doctor_src := doctor finding redact look known content safetensors torchzip yamlscan layout \
	files access leftovers caches hublook environ version packages pins proc machine gpu nvml nvsmi gpufit \
	build extensions simulate start logtable logtext logscan log online
cmd_src += hubprobe cmd_doctor

# the keeper of the cache
cache_src += forget fresh traces census census_sum tree_mend foreign held lease inuse gc_plan gc_run derive audit localdir
cmd_src += claims asked listing clean cmd_du cmd_gc cmd_ls cmd_rm mending mending_list mending_net cmd_repair cmd_adopt cmd_export cmd_import
# watching a program
doctor_src += pparse sockdiag sample threads watch timeline timeline_html launch parents endtree asking retries
cmd_src += offline procenv forward watching cmd_run cmd_watch

-include $(wildcard */files.mk)

lib_names := $(filter-out cmd,$(folders))
objs = $(patsubst %,$(B)/$(1)/%.o,$($(1)_src))
libs := $(foreach f,$(lib_names),$(B)/lib$(f).a)
# highest first: a folder may use those behind it
order_bundle := bundle cache manifest base
order_fetch := fetch cache manifest base
order_cache := cache manifest base
order_manifest := manifest base
order_base := base
order_doctor := doctor cache manifest base
order_cmd := bundle fetch doctor cache manifest base

# --- flags ------------------------------------------------------------------
deps := libcurl libarchive libssl libcrypto libcjson libgit2
dep_cflags := $(shell $(PKG_CONFIG) --cflags $(deps) 2>/dev/null)
dep_libs := $(shell $(PKG_CONFIG) --libs $(deps) 2>/dev/null)

warn := -Wall -Wextra -Wshadow -Wvla -Wundef -Wformat=2 -Wwrite-strings \
	-Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
	-Wpointer-arith -Wcast-align -Wswitch-enum -Wnull-dereference \
	-Wimplicit-fallthrough -Wmissing-declarations -Wredundant-decls
probed := -Wlogical-op -Wduplicated-cond -Wduplicated-branches \
	-Wjump-misses-init -Werror=jump-misses-init -Wformat-truncation=2 \
	-Werror=unused-result -fstack-clash-protection -fcf-protection \
	-ftrivial-auto-var-init=zero
probe = $(shell $(CC) -Werror $(1) -x c -c -o /dev/null /dev/null 2>/dev/null && echo $(1))
WERROR ?= -Werror
own := -std=gnu11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -I. -DITTS_VERSION='"$(VERSION)"' \
	$(warn) $(foreach f,$(probed),$(call probe,$(f))) $(WERROR) \
	-fstack-protector-strong -fPIE -fno-common -fvisibility=hidden \
	-fno-strict-aliasing -ffunction-sections -fdata-sections -pthread
own_ld := -pie -pthread -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed

compile := $(CC) $(own) $(dep_cflags) $(CPPFLAGS) $(CFLAGS) $(variant_flags)
link := $(CC) $(own_ld) $(CFLAGS) $(variant_flags) $(LDFLAGS)

.PHONY: all
# what is of the carried program only is built and linted like all others
all: $(B)/itts-pack $(B)/cmd/pull_none.o $(B)/cmd/hubprobe_none.o

# every object depends on this: other flags, other objects
$(B)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(subst ','\'',$(compile) | $(link))' | cmp -s - $@ || \
	 echo '$(subst ','\'',$(compile) | $(link))' > $@
.PHONY: FORCE
FORCE:

$(B)/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	@echo "  CC      $<"
	$(Q)$(compile) -MMD -MP -c -o $@ $<

$(B)/manifest/recipes.o: $(wildcard manifest/recipes/*.json)
$(B)/bundle/extra_own.o: $(wildcard bundle/files/*)
$(B)/doctor/logtable.o: doctor/log_table.json

define library
$(B)/lib$(1).a: $(call objs,$(1))
	@echo "  AR      $$@"
	$(Q)rm -f $$@ && $(AR) rcs $$@ $$^
endef
$(foreach f,$(lib_names),$(eval $(call library,$(f))))

# --- the carried program: for a server that has nothing ----------------------
# The same objects but for the table of commands, linked with static libraries of
# Debian's; cJSON, of which Debian ships none, from its source package. What only
# the left out commands use (libcurl, libgit2) is never reached: --gc-sections.
carried := $(B)/static/itts-pack
carried_libs := -larchive -lnettle -lcrypto $(B)/static/libcjson.a -lzstd -llz4 -llzma -lbz2 -lz
cjson_source := build/cjson/cJSON.c
$(cjson_source):
	tests/deps.sh static
$(B)/static/%.o: cmd/%.c $(B)/flags
	@mkdir -p $(@D)
	$(Q)$(compile) -DITTS_CARRIED -MMD -MP -c -o $@ $<
$(B)/static/libcjson.a: $(cjson_source)
	@mkdir -p $(@D)
	$(Q)$(CC) -O2 -fPIE -ffunction-sections -c -o $(@D)/cJSON.o $< && $(AR) rcs $@ $(@D)/cJSON.o
$(carried): $(B)/static/commands.o $(B)/static/pull_none.o $(B)/static/hubprobe_none.o \
	$(B)/static/libcjson.a $(filter-out %/commands.o %/pull.o %/hubprobe.o,$(call objs,cmd)) \
	$(foreach f,bundle doctor cache manifest base,$(B)/lib$(f).a)
	@echo "  LD      $@"
	$(Q)$(link) -static-pie -s -Wl,--gc-sections -o $@ $(filter %.o %.a,$^) $(carried_libs)
.PHONY: static
static: $(carried)

libs_for = $(patsubst %,$(B)/lib%.a,$(order_$(1)))

$(B)/itts-pack: $(call objs,cmd) $(call libs_for,cmd)
	@echo "  LD      $@"
	$(Q)$(link) -o $@ $^ $(dep_libs)

# --- unit tests: one program a folder, linked with what it may use ----------
unit_programs := $(foreach f,$(folders),$(B)/test-$(f))
define unit_program
$(B)/test-$(1): $(patsubst %.c,$(B)/%.o,$(wildcard tests/unit/$(1)/*.c)) \
	$(if $(filter cmd,$(1)),$(filter-out %/main.o,$(call objs,cmd))) $(call libs_for,$(1))
	@echo "  LD      $$@"
	$(Q)$(link) -o $$@ $$^ $(dep_libs) -lcmocka
endef
$(foreach f,$(folders),$(eval $(call unit_program,$(f))))

.PHONY: unit check-unit
unit: $(unit_programs)
# the longest first
check-unit: $(foreach f,bundle $(filter-out bundle,$(folders)),check-unit-$(f))
# what a program prints is of interest when it fails
check-unit-%: $(B)/test-%
	@if $(B)/test-$* >$(B)/test-$*.log 2>&1; then \
	  echo "  ok      test-$*: $$(grep -c '\[       OK \]' $(B)/test-$*.log) tests"; \
	else cat $(B)/test-$*.log; echo "  FAILED  test-$*"; exit 1; fi

# --- fuzzers (clang) ---------------------------------------------------------
fuzzers := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_TIME ?= 60
$(B)/fuzz/%: $(B)/tests/fuzz/%.o $(call libs_for,cmd)
	@mkdir -p $(@D)
	@echo "  LD      $@"
	$(Q)$(link) -fsanitize=fuzzer -o $@ $^ $(dep_libs)
.PHONY: fuzzers fuzz
fuzzers: $(addprefix $(B)/fuzz/,$(fuzzers))
fuzz:
	$(MAKE) $(parallel) VARIANT=fuzz fuzzers
	tests/fuzz/run.sh build/fuzz/fuzz $(FUZZ_TIME)

# --- everything else ---------------------------------------------------------
# for what calls make again: all cores, unless the caller has said how many
parallel = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(shell nproc)) -Otarget
.PHONY: deps demo check check-e2e torture lint asan clang tsan cov bench tidy format install \
	uninstall dist distcheck clean help
deps:
	tests/deps.sh

demo: deps
	$(MAKE) $(parallel) all
	tests/demo.sh $(B)/itts-pack

check: deps
	$(MAKE) $(parallel) all unit
	if [ -e $(cjson_source) ]; then $(MAKE) static; fi
	$(MAKE) $(parallel) check-unit
	$(MAKE) lint check-e2e

E2E ?=
check-e2e: $(B)/itts-pack $(B)/test-bundle
	tests/e2e/run.sh $(B)/itts-pack $(E2E)

torture: $(B)/itts-pack $(B)/test-bundle
	ITTS_KILLS=200 ITTS_GC_ROUNDS=500 ITTS_FAULTS=all ITTS_CUTS=300 ITTS_RACE=60 ITTS_TOGETHER=300 ITTS_LONG=1 tests/e2e/run.sh $(B)/itts-pack '*kill*' '*fault*' '*power*' '*races*' '*together*' 0055 0057

lint: all
	tests/lint/run.sh

asan clang tsan cov:
	$(MAKE) $(parallel) VARIANT=$@ all unit
	$(MAKE) $(parallel) VARIANT=$@ check-unit

bench: all
	tests/bench/run.sh $(B)/itts-pack

sources = $(wildcard $(foreach f,$(folders),$(f)/*.c))
tidy:
	@status=0; for f in $(sources); do \
	  clang-tidy --quiet $$f -- $(filter -std=% -D% -I%,$(own)) $(dep_cflags) || status=1; done; exit $$status
format:
	clang-format -i $(wildcard $(foreach f,$(folders),$(f)/*.[ch]) \
	  tests/unit/*/*.[ch] tests/fuzz/*.[ch])

install: $(B)/itts-pack
	install -D -m 755 $(B)/itts-pack $(DESTDIR)$(PREFIX)/bin/itts-pack
	install -D -m 644 docs/itts-pack.1 $(DESTDIR)$(PREFIX)/share/man/man1/itts-pack.1
	install -d $(DESTDIR)$(PREFIX)/share/bash-completion/completions \
	  $(DESTDIR)$(PREFIX)/share/zsh/site-functions \
	  $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
	$(B)/itts-pack completion bash > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/itts-pack
	$(B)/itts-pack completion zsh > $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_itts-pack
	$(B)/itts-pack completion fish > $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/itts-pack.fish

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/itts-pack \
	  $(DESTDIR)$(PREFIX)/share/man/man1/itts-pack.1 \
	  $(DESTDIR)$(PREFIX)/share/bash-completion/completions/itts-pack \
	  $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_itts-pack \
	  $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/itts-pack.fish

dist_name := itts-pack-$(VERSION)
dist:
	@mkdir -p build
	git archive --format=tar --prefix=$(dist_name)/ HEAD | gzip -9n > build/$(dist_name).tar.gz
distcheck: dist
	rm -rf build/distcheck && mkdir -p build/distcheck
	tar -xzf build/$(dist_name).tar.gz -C build/distcheck
	$(MAKE) $(parallel) -C build/distcheck/$(dist_name) all unit
	$(MAKE) $(parallel) -C build/distcheck/$(dist_name) check-unit
	$(MAKE) -C build/distcheck/$(dist_name) install DESTDIR=$(CURDIR)/build/distcheck/root
	build/distcheck/root$(PREFIX)/bin/itts-pack --version
	$(MAKE) -C build/distcheck/$(dist_name) uninstall DESTDIR=$(CURDIR)/build/distcheck/root
	test -z "$$(find build/distcheck/root -type f)"

clean:
	rm -rf build

help:
	@sed -n 's/^# \{0,1\}//p' Makefile | head -8
	@echo "make check-unit | check-e2e [E2E=pattern] | lint | asan | clang | tsan | cov"
	@echo "make static: the program that a bundle carries, $(carried)"
	@echo "make fuzz [FUZZ_TIME=60] | bench | tidy | format | install | uninstall | dist | distcheck | clean"
	@echo "V=1 shows commands; local.mk holds your own settings; CC CFLAGS CPPFLAGS LDFLAGS are yours"

-include $(patsubst %.o,%.d,$(foreach f,$(folders),$(call objs,$(f))) \
	$(patsubst %.c,$(B)/%.o,$(wildcard tests/unit/*/*.c tests/fuzz/*.c)))
