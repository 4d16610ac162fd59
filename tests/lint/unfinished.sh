#!/bin/sh
# Nothing is left for later, and no test is switched off.
. "$(dirname "$0")/lib.sh"

{
	# shellcheck disable=SC2046
	grep -nwE 'TODO|FIXME|XXX|HACK' /dev/null $(product_files h c) \
		$(test_files h c) Makefile
	# shellcheck disable=SC2046
	grep -nE '^[ 	]*#[ 	]*if[ 	]+[01][ 	]*$' /dev/null \
		$(product_files h c) $(test_files h c)
} | finish
