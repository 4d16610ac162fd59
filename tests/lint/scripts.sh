#!/bin/sh
# Every shell script can be parsed by the shell it names; ours can be started, and
# none has a line "! COMMAND", which set -e passes over whatever COMMAND says.
. "$(dirname "$0")/lib.sh"

find tests bundle .ci -type f 2>/dev/null | sort | while read -r script; do
	IFS= read -r first < "$script" || continue
	case $first in
	'#!/bin/sh'* | '#!/usr/bin/env sh') shell=sh ;;
	'#!/bin/bash'* | '#!/usr/bin/env bash') shell=bash ;;
	*) continue ;;
	esac
	"$shell" -n "$script" 2>&1
	case $script in
	tests/* | .ci/*) [ -x "$script" ] || echo "$script: not executable" ;;
	esac
	awk '/^[[:space:]]*! / && !/\|\| |&&$|; then$/ {
		print FILENAME ":" FNR ": \"! COMMAND\" checks nothing: not COMMAND" }' "$script"
done | finish
