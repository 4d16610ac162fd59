#!/bin/sh
# The checks themselves: each accepts a clean tree and refuses, by name, a tree
# with one bad thing in it.
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
tree=$(mktemp -d) || exit 1
trap 'rm -rf "$tree"' EXIT
cd "$tree" || exit 1
export LINT_BUILD=build
bad=0

# put FILE: its text comes from standard input
put() {
	mkdir -p "$(dirname "$1")"
	cat > "$1"
}

clean_tree() {
	rm -rf ./* .clang-format
	cp "$root/.clang-format" .
	mkdir build
	echo 'gcc -std=gnu11 -I. -Wall -Wextra -Werror | gcc' > build/flags
	: > Makefile
	put base/x.h <<'END'
#ifndef X_H
#define X_H

int x_add(int a, int b); /* goto, strcpy(a, b), "typedef" */

#endif
END
	put base/x.c <<'END'
#include "base/x.h"

#include <stddef.h>

static const char *const names[] = { "goto", "strcpy(a, b)" };

int x_add(int a, int b)
{
	return names[0] ? a + b : 0;
}
END
	put tests/unit/base/test_x.c <<'END'
#include "base/x.h"

#include <stdlib.h>

int main(void)
{
	return getenv("X") ? x_add(1, -1) : 0;
}
END
	printf '#!/bin/sh\n:\n' | put tests/run.sh
	chmod +x tests/run.sh
}

compile() {
	for source in */*.c; do
		mkdir -p "build/$(dirname "$source")"
		gcc -fPIE -I. -w -c -o "build/${source%.c}.o" "$source" || exit 1
	done
}

complain() {
	echo "$*"
	bad=1
}

# refuses CHECK WORDS: in the tree as it is; then the tree is clean again
refuses() {
	if found=$("$here/$1.sh" 2>&1); then
		complain "$1 has not seen: $2"
	else
		case $found in
		*"$2"*) ;;
		*) complain "$1 does not say \"$2\" but: $found" ;;
		esac
	fi
	clean_tree
}

# line FILE TEXT: adds a line
line() {
	mkdir -p "$(dirname "$1")"
	printf '%s\n' "$2" >> "$1"
}

repeat() {
	awk -v n="$1" -v text="$2" 'BEGIN { while (n--) print text }'
}

clean_tree
compile
for check in layers headers banned sizes globals format unfinished scripts; do
	found=$("$here/$check.sh" 2>&1) ||
		complain "$check refuses a clean tree: $found"
done

# --- layers ---
put base/y.c < /dev/null
line base/y.c '#include "manifest/lock.h"'
refuses layers 'base/y.c:1: base/ may not include manifest/lock.h'
line fetch/y.c '#include "bundle/tar.h"'
refuses layers 'fetch/ may not include bundle/tar.h'
line bundle/y.h '#include "fetch/http.h"'
refuses layers 'bundle/ may not include fetch/http.h'
line cache/y.c '#include "cmd/app.h"'
refuses layers 'cache/ may not include cmd/app.h'
line tests/unit/base/y.c '#include "cache/view.h"'
refuses layers 'base/ may not include cache/view.h'
line cmd/y.c '#include "bundle/install_run.h"'
refuses layers 'bundle/install_run.h is for bundle/ alone'
line cmd/y.c '#include <curl/curl.h>'
refuses layers '<curl/curl.h> has its door elsewhere'
line fetch/hub.c '#include <cjson/cJSON.h>'
refuses layers '<cjson/cJSON.h> has its door elsewhere'
line bundle/pack.c '#include <archive.h>'
refuses layers '<archive.h> has its door elsewhere'
line cache/y.c '#include <openssl/evp.h>'
refuses layers '<openssl/evp.h> has its door elsewhere'
line fetch/hub.c '#include <git2.h>'
refuses layers '<git2.h> has its door elsewhere'
line manifest/y.c '#include <fcntl.h>'
refuses layers '<fcntl.h> has its door elsewhere'
line manifest/y.c '#include "base/file.h"'
refuses layers 'manifest/ does no I/O'
line base/y.c '#include "x.h"'
refuses layers '"x.h" is not written from the root'
line base/y.h '#include <stddef.h>'
line base/y.c '#include "base/x.h"'
refuses layers 'the first include must be "base/y.h"'
line base/y.c '#include <stddef.h>'
line base/y.c '#include "base/x.h"'
refuses layers '"base/x.h" stands behind a system header'
line base/y.c '#include HEADER'
refuses layers 'cannot be checked'
# --- headers ---
line base/y.h 'size_t y_size(void);'
refuses headers 'size_t'
# --- banned ---
for name in strcpy strcat sprintf strncpy gets strtok atoi system popen mktemp \
	tmpnam alloca strtoul getenv printf exit malloc strdup strerror; do
	line cache/y.c "	y = $name(x);"
	refuses banned "cache/y.c:1: $name() "
done
line cache/y.c '	/* fine */ goto out; /* fine'
refuses banned 'cache/y.c:1: goto'
line cache/y.h 'typedef int y;'
refuses banned 'cache/y.h:1: typedef'
line tests/unit/base/test_x.c '	strcpy(a, "b");'
refuses banned 'strcpy() knows no limit'
line cmd/y.c '	strtol(a, b, 10);'
refuses banned 'strtol() is for base/'
# --- sizes ---
repeat 801 '/* */' | put base/y.c
refuses sizes 'base/y.c: more than 800 lines'
{ echo 'int y(void)'; echo '{'; repeat 71 '	y();'; echo '}'; } | put base/y.c
refuses sizes 'base/y.c:2: a function of 71 lines'
{ echo 'int y(int a, int b, int c,'; echo '      int d, int e, int f, int g)'
	echo '{'; echo '}'; } | put base/y.c
refuses sizes 'a function of 7 parameters'
echo 'int y(int a, int b, int c, int d, int e, int f, struct error *err)' |
	put base/y.c
printf '{\n}\n' >> base/y.c
"$here/sizes.sh" > /dev/null || complain 'sizes counts the error'
clean_tree
{ echo 'int y(void)'; echo '{'; printf '\t\t\t\t\tif (a)\n'; echo '}'; } |
	put base/y.c
refuses sizes 'more than 4 levels'
# --- globals ---
for text in 'int y_count;' 'int y_count = 1;' 'static int y_count = 2;' \
	'_Thread_local int y_count;' 'const char *y_count = "";'; do
	line base/y.c "$text"
	line base/y.c 'int *y(void) { return (int *)&y_count; }'
	compile
	refuses globals 'base/y.c: variable y_count'
done
line base/y.c 'int y(void) { static int calls; return ++calls; }'
compile
refuses globals 'base/y.c: variable calls'
line base/y.c 'int y;'
refuses globals 'base/y.c: not built'
# --- format ---
line base/y.c 'int y ;'
refuses format 'base/y.c:1'
# --- unfinished ---
line base/y.c '/* TODO: later */'
refuses unfinished 'base/y.c:1'
line base/y.c '#if 0'
refuses unfinished 'base/y.c:1'
# --- scripts ---
line tests/run.sh 'if true; then'
refuses scripts 'tests/run.sh'
line tests/run.sh '	! grep x y'
refuses scripts 'tests/run.sh:3: "! COMMAND"'
chmod -x tests/run.sh
refuses scripts 'tests/run.sh: not executable'

exit "$bad"
