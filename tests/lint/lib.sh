# Shared by the checks. Each check is a script of its own that looks at the
# tree it stands in (the current directory), prints what is wrong, one line a
# finding, and ends with 1 if there was any.

lint=$(cd "$(dirname "$0")" && pwd)
folders='base manifest cache fetch bundle doctor serve cmd'
build=${LINT_BUILD:-build/release}

# product_files EXT...: the program's own files
product_files() {
	for folder in $folders; do
		for ext; do
			for file in "$folder"/*."$ext"; do
				[ -e "$file" ] && echo "$file"
			done
		done
	done
}

# test_files EXT...: C files of the tests
test_files() {
	for ext; do
		for file in tests/unit/*/*."$ext" tests/fuzz/*."$ext"; do
			[ -e "$file" ] && echo "$file"
		done
	done
}

# Ends the check: 1 if it has printed anything. Use: { ...; } | finish
finish() {
	awk '{ print; bad = 1 } END { exit bad }'
}
