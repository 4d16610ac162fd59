#!/usr/bin/env bash
# Installs what building and testing need on Debian 12, and says nothing when all
# of it is there. Needs root only if something is missing.
#   deps.sh [all|demo|static]    demo: only what building and the demonstration
#                                need; static: what the carried program needs
set -eu
what=${1:-all}
cd "$(dirname "$0")/.."

build_packages="gcc make libc6-dev pkg-config libcurl4-openssl-dev libarchive-dev
	libssl-dev libcjson-dev libgit2-dev"
demo_packages="python3 util-linux iproute2"
test_packages="libcmocka-dev clang clang-format universal-ctags mandoc jq curl
	openssl nginx-light squid tinyproxy microsocks skopeo docker-registry busybox
	aria2 rclone libnginx-mod-stream
	libarchive-tools xfsprogs btrfs-progs dar casync zstd zip unzip xz-utils strace time
	nodejs npm git fcgiwrap bash-completion zsh fish openssh-client chromium poppler-utils"

# a package counts as there if dpkg has it, or (nodejs, nginx, ...) if something
# else than Debian's package brought its program
program_of() {
	case $1 in
	nodejs) echo node ;;
	nginx-light) echo nginx ;;
	python3 | npm | jq | chromium | curl | git | clang | make | gcc | zstd | openssl) echo "$1" ;;
	*) return 1 ;;
	esac
}

is_there() {
	local program
	if program=$(program_of "$1"); then
		PATH=$PATH:/usr/sbin:/sbin command -v "$program" >/dev/null && return
	fi
	[ "$(dpkg-query -W -f='${db:Status-Abbrev}' "$1" 2>/dev/null)" = "ii " ]
}

static_packages="libzstd-dev liblz4-dev liblzma-dev libbz2-dev zlib1g-dev nettle-dev dpkg-dev"

missing=
packages="$build_packages $demo_packages"
[ "$what" = demo ] || packages="$packages $static_packages"
[ "$what" = demo ] || [ "$what" = static ] || packages="$packages $test_packages"
for package in $packages; do
	is_there "$package" || missing="$missing $package"
done

if [ -n "$missing" ]; then
	echo "installing:$missing"
	export DEBIAN_FRONTEND=noninteractive
	install="apt-get install -y --no-install-recommends$missing"
	if [ "$(id -u)" -ne 0 ]; then
		echo "not root; run this first:" >&2
		echo "  sudo apt-get update && sudo $install" >&2
		exit 1
	fi
	log=$(mktemp)
	# servers are started by the tests, not by the packages
	policy=/usr/sbin/policy-rc.d
	if [ ! -e $policy ]; then
		printf '#!/bin/sh\nexit 101\n' >$policy
		chmod 755 $policy
		trap 'rm -f $policy' EXIT
	fi
	if ! { apt-get -qq update && $install; } >"$log" 2>&1; then
		tail -n 20 "$log" >&2
		exit 1
	fi
	rm -f "$log"
fi

[ "$what" = demo ] && exit

# cJSON as a static library is in no package: its source package, with Debian's
# patches; apt checks the signatures
cjson=build/cjson
if ! [ -e $cjson/cJSON.c ]; then
	echo "fetching: source of cjson from Debian"
	rm -rf $cjson && mkdir -p $cjson/apt/lists/partial $cjson/apt/cache
	(
		cd $cjson/apt
		. /etc/os-release
		echo "deb-src http://deb.debian.org/debian ${VERSION_CODENAME:-bookworm} main" >list
		at="-o Dir::Etc::sourcelist=$PWD/list -o Dir::Etc::sourceparts=/dev/null
			-o Dir::State::lists=$PWD/lists -o Dir::Cache=$PWD/cache"
		# shellcheck disable=SC2086
		apt-get -qq $at update && apt-get -qq $at source cjson
		mv cjson-*/cJSON.c cjson-*/cJSON.h ..
	) >build/cjson.log 2>&1 || {
		tail -n 5 build/cjson.log >&2
		if [ "$what" = static ] || [ "${CI:-}" = true ] || [ "${ITTS_E2E:-}" = require ]; then
			exit 1
		fi
		echo "without it; make static cannot be tested" >&2
	}
	rm -rf $cjson/apt
fi

[ "$what" = static ] && exit

# the judges from npm, at the versions of the lock file
judges=build/judges
if ! cmp -s tests/judges/package-lock.json $judges/package-lock.json ||
	! [ -e $judges/node_modules/.package-lock.json ]; then
	mkdir -p $judges
	cp tests/judges/package.json $judges
	echo "installing: judges from npm"
	cp tests/judges/package-lock.json $judges/wanted.json
	(cd $judges && mv wanted.json package-lock.json &&
		npm ci --no-audit --no-fund --ignore-scripts --loglevel=error >npm.log 2>&1) || {
		tail -n 5 $judges/npm.log >&2
		rm -f $judges/package-lock.json
		if [ "${CI:-}" = true ] || [ "${ITTS_E2E:-}" = require ]; then
			exit 1
		fi
		echo "without it; its tests will be skipped" >&2
	}
fi
