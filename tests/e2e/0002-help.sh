#!/usr/bin/env bash
# The face: help texts, completions, wrong command lines, streams that fail.
. "$(dirname "$0")/lib.sh"

COMMANDS="lock fetch pack install verify inspect env init recipes"

help_texts() {
	local command
	expect 0 itts --help
	for command in $COMMANDS; do prints "$command"; done
	for command in $COMMANDS; do
		expect 0 itts "$command" --help
		prints --cache
		same "$(wc -c <"$T/err")" 0
		# a text for a terminal, which is 80 columns wide
		# (commands to copy, six columns in, are not broken)
		same "$(grep -v '^      [^ ]' "$T/out" | awk 'length($0) > 80')" ""
		expect 0 itts help "$command"
	done
}
version() {
	expect 0 itts --version
	same "$(wc -l <"$T/out")" 1
	prints itts-pack
}
completions() {
	expect 0 itts completion bash
	cp "$T/out" "$T/bash"
	bash -n "$T/bash"
	bash -c '. "$1"; complete -p itts-pack' - "$T/bash"
	# the words that are offered behind "itts-pack in"
	bash -c '. /usr/share/bash-completion/bash_completion 2>/dev/null; . "$1"
		COMP_WORDS=(itts-pack in) COMP_CWORD=1 COMP_LINE="itts-pack in" COMP_POINT=12
		$(complete -p itts-pack | sed "s/.*-F \([^ ]*\).*/\1/") itts-pack in itts-pack
		printf "%s\n" "${COMPREPLY[@]}"' - "$T/bash" >"$T/words"
	grep -q '^install' "$T/words"
	grep -q '^inspect' "$T/words"
	for shell in zsh fish; do
		expect 0 itts completion $shell
		prints install
		if command -v $shell >/dev/null; then $shell -n "$T/out"; fi
	done
}
wrong() { # ARGS...: status 2, one line, nothing on standard output
	expect 2 itts "$@"
	one_error
	same "$(wc -c <"$T/out")" 0
}
usage() {
	wrong nonsense
	wrong --nonsense
	wrong instal x
	says install
	wrong install
	wrong install a b
	wrong fetch --jobs many
	wrong fetch --jobs
	wrong fetch --endpoint ftp://host/
	wrong fetch --proxy gopher://host/ a/b
	wrong lock --check --locked
	wrong pack --recipe no-such-recipe
	wrong pack a/b -m x.json
	wrong fetch a/b --with nothing
	wrong verify x.tar --cache y
	wrong env --format perl
	same "$(find "$T" -newer "$T/bash" -name '*.lock.json' -o -name '*.tar' | wc -l)" 0
}
full_disk() { # output that cannot be written is an error, for every command that prints
	for args in --help --version recipes "recipes indextts-2" "help verify" "completion bash" \
		"init -o -"; do
		# shellcheck disable=SC2086
		expect 3 sh -c '"$0" "$@" >/dev/full' "$PROGRAM" $args
		one_error
	done
}
closed_streams() {
	local got=0
	itts --version >&- 2>"$T/err" || got=$?
	test "$got" -ne 0
	itts --help 2>&- >"$T/out"
}
recipes() {
	expect 0 itts recipes
	prints indextts-2 indextts-2.5
	expect 0 itts recipes indextts-2
	cmp "$T/out" "$ROOT/manifest/recipes/indextts-2.json"
	expect 0 itts recipes --json
	jq -e . "$T/out" >"$T/parsed"
}
init() {
	expect 0 itts init -o "$T/my.json"
	jq -e '.format == "itts-manifest"' "$T/my.json"
	expect 2 itts init -o "$T/my.json" # never over a file that people edit
	one_error
}
colours() { # none but on a terminal
	TERM=xterm itts recipes >"$T/out" 2>"$T/err"
	same "$(grep -c $'\033' "$T/out" "$T/err" | grep -vc ':0')" 0
}
json_errors() {
	expect 6 itts verify --json --cache "$T/not/there"
	jq -e '.error' "$T/out"
}

check "--version" version
check "help of the program and of each command" help_texts
check "completions" completions
check "wrong command lines: status 2, one line" usage
check "/dev/full on standard output is an error" full_disk
check "closed standard streams" closed_streams
check "recipes" recipes
check "init" init
check "no colour but on a terminal" colours
check "--json has the error too" json_errors
finish
