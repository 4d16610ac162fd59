#!/bin/sh
# Who may include whom, one door for each library, and the order of includes.
. "$(dirname "$0")/lib.sh"

check='
function say(text) { print FILENAME ":" FNR ": " text }
BEGIN {
	may["base"] = " base "
	may["manifest"] = " manifest base "
	may["cache"] = " cache manifest base "
	may["fetch"] = " fetch cache manifest base "
	may["bundle"] = " bundle cache manifest base "
	may["doctor"] = " doctor cache manifest base "
	may["serve"] = " serve cache manifest base "
	may["cmd"] = " cmd doctor serve fetch bundle cache manifest base "

	# system header (a regular expression) -> files that may include it
	door["^curl/"] = "^fetch/http[^/]*$"
	door["^archive(_entry)?\\.h$"] = "^(base/tar_reader|bundle/tar)\\.[ch]$"
	door["^(cjson/)?cJSON\\.h$"] = "^base/json[^/]*$"
	door["^openssl/"] = "^(base/digest|bundle/sign[^/]*|fetch/http_tls)\\.[ch]$"
	door["^git2(\\.h|/)"] = "^fetch/git[^/]*$"
	door["^microhttpd\\.h$"] = "^serve/"
	# manifest/ is bytes in, structs out
	door["^(fcntl|unistd|dirent|poll|sys/[a-z]*)\\.h$"] = \
		"^(base|cache|fetch|bundle|doctor|serve|cmd)/"
}
FNR == 1 {
	split(FILENAME, part, "/")
	in_tests = part[1] == "tests"
	# tests/unit/FOLDER may see what FOLDER may; fuzzers see everything
	folder = part[1]
	if (in_tests)
		folder = part[2] == "unit" ? part[3] : "cmd"
	if (!(folder in may))
		say("unknown folder " folder)
	own = FILENAME
	sub(/\.c$/, ".h", own)
	has_own = FILENAME ~ /\.c$/ && (getline line < own) > 0
	close(own)
	count = 0
	system_seen = 0
}
/^[ \t]*#[ \t]*include[ \t]*"/ {
	split($0, part, "\"")
	name = part[2]
	count++
	if (split(name, part, "/") < 2)
		say("\"" name "\" is not written from the root")
	else if (in_tests && part[1] == "tests")
		next
	else if (!index(may[folder], " " part[1] " "))
		say(folder "/ may not include " name)
	if (folder == "manifest" && !in_tests && name ~ /^base\/(file|pool|cancel)\.h$/)
		say("manifest/ does no I/O: " name)
	if (name ~ /\/install_run\.h$|\/layout_members\.h$|\/download_job\.h$/ && part[1] != folder && !in_tests)
		say(name " is for " part[1] "/ alone")
	if (has_own && count == 1 && name != own)
		say("the first include must be \"" own "\"")
	if (system_seen)
		say("\"" name "\" stands behind a system header")
	next
}
/^[ \t]*#[ \t]*include[ \t]*</ {
	name = $0
	sub(/^[^<]*</, "", name)
	sub(/>.*$/, "", name)
	count++
	if (has_own && count == 1)
		say("the first include must be \"" own "\"")
	if (FILENAME ~ /\.c$/)
		system_seen = 1
	if (in_tests)
		next
	for (header in door)
		if (name ~ header && FILENAME !~ door[header])
			say("<" name "> has its door elsewhere")
	next
}
/^[ \t]*#[ \t]*include/ { say("an include that cannot be checked") }
'
# a file list of our own making: no spaces in names
# shellcheck disable=SC2046
awk "$check" $(product_files h c) $(test_files h c) /dev/null | finish
