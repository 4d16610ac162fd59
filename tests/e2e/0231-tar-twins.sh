#!/usr/bin/env bash
# Changed headers: what our reader of archives and GNU tar both take is the same to both.
. "$(dirname "$0")/lib.sh"

need python3 tar gcc
twins() { # SEED
	mkdir "$T/$1"
	python3 "$ROOT/tests/e2e/tar_twins.py" "$T/tar_list" "$T/$1" "$1"
}
build() {
	local flags=() base
	base=$(dirname "$PROGRAM")/libbase.a
	case $PROGRAM in
	*/asan/*) flags=(-fsanitize=address,undefined) ;;
	*/tsan/*) flags=(-fsanitize=thread) ;;
	esac
	gcc -D_GNU_SOURCE "${flags[@]}" -I"$ROOT" "$ROOT/tests/e2e/tar_list.c" "$base" \
		-o "$T/tar_list" -larchive -lcrypto -lcjson -pthread
}

must build
check "400 archives" twins 20260101
check "400 others" twins 7
finish
