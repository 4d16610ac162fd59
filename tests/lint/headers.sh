#!/bin/sh
# Every header compiles alone, with the flags of the program.
. "$(dirname "$0")/lib.sh"

# "COMPILE | LINK", as the Makefile writes it; quoted for a shell
compile=$(sed 's/ | .*//' "$build/flags") || exit 1
for header in $(product_files h); do
	eval "$compile -fsyntax-only -x c \$header" 2>&1
done | finish
