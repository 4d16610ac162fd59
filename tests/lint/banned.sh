#!/bin/sh
# Functions and words that do not belong in this program, or not there.
. "$(dirname "$0")/lib.sh"

check='
function ban(list, where, why,    words, n, i) {
	n = split(list, words, " ")
	for (i = 1; i <= n; i++) {
		allowed[words[i]] = where
		reason[words[i]] = why
	}
}
BEGIN {
	FS = ":"
	ban("strcpy stpcpy strcat sprintf vsprintf strncpy strncat gets",
	    "^$", "knows no limit")
	ban("alloca mktemp tmpnam tempnam tmpfile", "^$", "is not safe")
	ban("strtok strerror localtime gmtime ctime asctime",
	    "^tests/", "keeps its result in static storage")
	ban("atoi atol atoll atof sscanf", "^tests/", "cannot say no")
	ban("strtol strtoul strtoll strtoull strtod strtof strtold strtoimax strtoumax",
	    "^(base|tests)/", "is for base/, where its result is checked")
	ban("system popen", "^tests/", "starts a shell")
	ban("setjmp longjmp", "^tests/", "skips cleanup")
	ban("malloc calloc realloc reallocarray strdup strndup asprintf vasprintf",
	    "^(base/mem\\.c|tests/)", "is for base/mem.c")
	ban("getenv secure_getenv setenv putenv unsetenv", "^(cmd|tests)/",
	    "is for cmd/")
	ban("printf fprintf vprintf vfprintf dprintf vdprintf puts fputs putchar putc fputc perror",
	    "^(cmd|tests)/", "is for cmd/")
	ban("exit _Exit quick_exit abort", "^(cmd/|base/mem\\.c|tests/)",
	    "is for cmd/")
	# (the child in which the library of the driver works)
	ban("_exit", "^(cmd/|base/mem\\.c|doctor/gpu\\.c|tests/)", "is for cmd/")
	word["goto"] = "leave with return; CLEANUP tidies up"
	word["typedef"] = "write struct and enum out"
}
{
	file = $1
	code = substr($0, length($1 FS $2 FS) + 1)
	if (code ~ /^[ \t]*#[ \t]*include/)
		next
	last = ""
	while (match(code, /[A-Za-z_][A-Za-z_0-9]*/)) {
		name = substr(code, RSTART, RLENGTH)
		before = substr(last code, length(last) + RSTART - 1, 1)
		last = last substr(code, 1, RSTART + RLENGTH - 1)
		code = substr(code, RSTART + RLENGTH)
		if ((name in allowed) && code ~ /^[ \t]*\(/ &&
		    before != "." && before != ">" && file !~ allowed[name])
			print file ":" $2 ": " name "() " reason[name]
		if ((name in word) && file !~ /^tests\//)
			print file ":" $2 ": " name ": " word[name]
	}
}'
# shellcheck disable=SC2046
awk -f "$lint/strip.awk" $(product_files h c) $(test_files h c) /dev/null |
	awk "$check" | finish
