#!/bin/sh
# No variable that lives as long as the program: everything that changes is
# handed down. Looks at the objects, so nothing can hide behind a macro.
. "$(dirname "$0")/lib.sh"

# OBJECT:SYMBOL that must be: a signal handler has no other way in
allowed='cmd/main:signal_cancel cmd/forward:target'

for source in $(product_files c); do
	name=${source%.c}
	if [ ! -e "$build/$name.o" ]; then
		echo "$source: not built, is it in the Makefile's list?"
		continue
	fi
	objdump -t "$build/$name.o" | awk -v name="$name" -v allowed=" $allowed " '
	/ \.data\.rel\.ro/ || $NF ~ /^\./ { next }
	/ \.(data|bss|tdata|tbss)/ || / \*COM\*/ {
		if (!index(allowed, " " name ":" $NF " "))
			print name ".c: variable " $NF
	}'
done | finish
