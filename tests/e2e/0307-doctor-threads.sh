#!/usr/bin/env bash
# threads.txt: for each of what users ran into there is a test of the pain and one of its
# healthy twin.
. "$(dirname "$0")/lib.sh"

here=$ROOT/tests/e2e
is_there() { # FILE NAME
	case $1 in
	test_*) grep -qF "cmocka_unit_test($2)" "$ROOT/tests/unit/doctor/$1.c" ;;
	*) grep -qF -e "check \"$2\"" "$here/$1"-*.sh ;;
	esac
}
named() {
	local line last='' file name count=0 rows=0 tests=0
	while IFS= read -r line; do
		case $line in
		'#'*) ;;
		$'\t'*)
			line=${line#$'\t'}
			[ "$line" != "$last" ] || { echo "its own twin: $line"; count=$((count + 1)); }
			last=$line
			file=${line%%: *} name=${line#*: } tests=$((tests + 1))
			is_there "$file" "$name" || { echo "no test: $line"; count=$((count + 1)); }
			;;
		*)
			[ $rows -eq 0 ] || [ $tests -ge 2 ] || { echo "no twin before: $line"; count=$((count + 1)); }
			rows=$((rows + 1)) tests=0
			;;
		esac
	done <"$here/threads.txt"
	echo "$rows threads"
	[ $tests -ge 2 ] && [ $rows -eq 35 ] && [ $count -eq 0 ]
}
check "every thread has its tests" named
finish
