#!/bin/sh
# Files of at most 800 lines; functions of at most 70 lines, 6 parameters (not
# counting the error) and 4 levels. clang-format has put every function's braces into column one.
. "$(dirname "$0")/lib.sh"

check='
{
	# not FS: a colon is common in code
	first = index($0, ":")
	rest = substr($0, first + 1)
	second = index(rest, ":")
	name = substr($0, 1, first - 1)
	line = substr(rest, 1, second - 1) + 0
	code = substr(rest, second + 1)
	if (name != file) {
		file = name
		head = ""
		begin = 0
	}
}
line == 801 { print file ": more than 800 lines" }
code == "{" {
	begin = line
	n = 0
	level = 0
	for (i = 1; i <= length(head); i++) {
		c = substr(head, i, 1)
		level += (c == "(") - (c == ")")
		n += c == "," && level == 1
	}
	n -= head ~ /struct error \*err\)$/
	if (n > 5)
		print file ":" line ": a function of " n + 1 " parameters"
	next
}
code == "}" && begin {
	if (line - begin - 1 > 70)
		print file ":" begin ": a function of " line - begin - 1 " lines"
	begin = 0
	head = ""
	next
}
begin && code ~ /^\t\t\t\t\t+(if|for|while|do|switch) / {
	print file ":" line ": more than 4 levels"
}
begin { next }
code ~ /^#/ || code ~ /[;}]$/ { head = ""; next }
{ head = head code }
'
# shellcheck disable=SC2046
awk -f "$lint/strip.awk" $(product_files h c) $(test_files h c) /dev/null |
	awk "$check" | finish
